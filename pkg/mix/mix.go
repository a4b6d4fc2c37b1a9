// Package mix fits sound to what a device takes: another sample rate, fewer
// channels, fewer bits. It knows samples only, no devices and no files, and
// imports audio for the names of places.
//
// Samples flow in and out as interleaved floats, full scale -1 to +1. Nothing
// here may be used by two goroutines at once, and nothing allocates once its
// caller's buffers have grown. What a value keeps of the sound it has seen,
// Wipe or Reset overwrites.
package mix

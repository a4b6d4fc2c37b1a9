// Package wipe overwrites secrets where the standard library keeps copies of
// them and has no method to: in key schedules, private keys, the state of hashes,
// and on the stack. Values that are done with go in, and are of no use afterwards.
//
// It goes by what reflection tells of the memory, and touches none that has a
// pointer in it. Where a later release of Go keeps a secret in another way the
// functions say so by their result and leave it alone; tests hold them to
// reaching what they are for. It imports nothing of ours.
package wipe

import (
	"reflect"
	"runtime"
	"unsafe"
)

// Value overwrites what v points at, if v is a pointer to numbers and nothing
// else, like the key schedule of a cipher. It says whether it did.
func Value(v any) bool { return pointed(reflect.ValueOf(v)) }

// Field overwrites what the field called name has of the struct that v, or what it
// has in it, points at: the bytes of a slice, or what Value takes. It says
// whether it did.
func Field(v any, name string) bool {
	at := reflect.ValueOf(v)
	if at.Kind() != reflect.Pointer || at.IsNil() || at.Elem().Kind() != reflect.Struct {
		return false
	}
	field := at.Elem().FieldByName(name)
	for field.IsValid() && field.Kind() == reflect.Interface {
		field = field.Elem()
	}
	if !field.IsValid() {
		return false
	}
	if field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Uint8 {
		clear(field.Bytes())
		return true
	}
	return pointed(field)
}

// pointed is Value of what v points at.
func pointed(v reflect.Value) bool {
	if v.Kind() != reflect.Pointer || v.IsNil() || !numbers(v.Type().Elem()) {
		return false
	}
	clear(unsafe.Slice((*byte)(v.UnsafePointer()), v.Type().Elem().Size()))
	return true
}

// numbers says whether a t holds nothing but numbers, which may all be 0.
func numbers(t reflect.Type) bool {
	switch k := t.Kind(); k {
	case reflect.Array:
		return numbers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !numbers(t.Field(i).Type) {
				return false
			}
		}
		return true
	default:
		return k >= reflect.Bool && k <= reflect.Complex128 && k != reflect.Uintptr
	}
}

// Sizes of the stack that Stack and Deep clear, in bytes.
const (
	shallow = 4 << 10  // a cipher's
	deep    = 64 << 10 // that of key exchanges: ML-KEM takes much
)

// Stack calls do, and then overwrites what it left behind on the stack: up to 4 KiB
// of it. Registers, and a stack that was moved while do ran, are out of reach.
func Stack(do func()) {
	clearShallow() // so that the stack is large enough, and is not moved for that
	defer clearShallow()
	do()
}

// Deep is Stack for up to 64 KiB.
func Deep(do func()) {
	clearDeep()
	defer clearDeep()
	do()
}

//go:noinline
func clearShallow() {
	var room [shallow]byte
	touch(room[:])
}

//go:noinline
func clearDeep() {
	var room [deep]byte
	touch(room[:])
}

//go:noinline
func touch(b []byte) {
	clear(b)
	runtime.KeepAlive(&b[0])
}

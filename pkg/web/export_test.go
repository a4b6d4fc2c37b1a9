package web

// Tight is tight, for tests.
var Tight = tight

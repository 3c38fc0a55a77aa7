// Package e2e decides whether the built binary keeps its promises when it is
// used from outside: by many people at once, by the client that apps use, and
// through a SIGKILL at any moment. It refuses to look inside the process; all
// that it knows, it learned over HTTP or from the binary's own commands.
//
// The parts that start and drive a server are in the package harness.
package e2e

package harness

import (
	"os/exec"
	"syscall"
)

// endWithParent has the kernel end the child when this process dies, also when
// that happens by a test's timeout, which runs no cleanup. The signal follows
// the thread that starts the child, so that thread must outlive it.
func endWithParent(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

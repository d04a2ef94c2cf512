package embedded

import (
	"errors"
	"net"
	"strings"
	"syscall"
)

// freePorts returns different ports of the loopback interface that nobody uses
// at the moment.
func freePorts(count int) (ports []int, err error) {
	for range count {
		listener, listenErr := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
		if listenErr != nil {
			return nil, errors.Join(err, listenErr)
		}
		// Closed when all are found, so that none is found twice.
		defer func() { err = errors.Join(err, listener.Close()) }()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// isPortTaken also knows the error by its text: the server logs it, but does
// not hand it on.
func isPortTaken(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || strings.Contains(err.Error(), syscall.EADDRINUSE.Error())
}

package main

import (
	"flag"
	"io"
	"os"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

const manager = "org.freedesktop.login1.Manager"

// login stands in for systemd's logind as far as a kubelet asks it: it gives locks that delay a shutdown, and says when one
// begins. It shuts nothing down.
type login struct{ marks marks }

// Inhibit gives a lock: the end of a pipe, which is released when nobody holds it open any more.
func (l login) Inhibit(what, who, why, mode string) (dbus.UnixFD, *dbus.Error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return 0, dbus.MakeFailedError(err)
	}
	l.marks.add("inhibited")
	// This end is sent with the answer: closed when that has surely been.
	time.AfterFunc(2*time.Second, func() { writer.Close() })
	go func() {
		io.Copy(io.Discard, reader)
		l.marks.add("released")
		reader.Close()
	}()
	return dbus.UnixFD(writer.Fd()), nil
}

// logind says that the machine shuts down while the file LAB_STOP is there.
func logind(arguments []string) error {
	flags := flag.NewFlagSet("logind", flag.ExitOnError)
	socket := flags.String("socket", "/run/dbus/system_bus_socket", "of the message bus")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	marks, err := openMarks()
	if err != nil {
		return err
	}
	bus, err := dbus.Connect("unix:path=" + *socket)
	if err != nil {
		return err
	}
	const path = dbus.ObjectPath("/org/freedesktop/login1")
	if err := bus.Export(login{marks}, path, manager); err != nil {
		return err
	}
	// More than any kubelet asks for: it would write into /etc to have it raised.
	delay := map[string]*prop.Prop{"InhibitDelayMaxUSec": {Value: uint64(time.Hour.Microseconds())}}
	if _, err := prop.Export(bus, path, prop.Map{manager: delay}); err != nil {
		return err
	}
	if _, err := bus.RequestName("org.freedesktop.login1", dbus.NameFlagDoNotQueue); err != nil {
		return err
	}
	marks.add("serving")
	for said := false; ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(os.Getenv("LAB_STOP")); (err == nil) != said {
			said = err == nil
			marks.add(map[bool]string{true: "shutdown", false: "cancelled"}[said])
			if err := bus.Emit(path, manager+".PrepareForShutdown", said); err != nil {
				return err
			}
		}
	}
}

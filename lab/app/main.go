// Command lab is everything that the lab's pods run: the servers that are rolled, and the clients that load them.
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	commands := map[string]func([]string) error{
		"serve":      serve,
		"serve-grpc": serveGRPC,
		"transact":   transact,
		"work":       job,
		"load":       load,
		"logind":     logind,
		"stopper":    stopper,
	}
	err := errors.New("usage: lab serve|serve-grpc|transact|work|load|logind|stopper [flags]")
	if len(os.Args) > 1 && commands[os.Args[1]] != nil {
		err = commands[os.Args[1]](os.Args[2:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

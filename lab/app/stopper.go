package main

import (
	"flag"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stopper logs its SIGTERM and exits a given time later: what the kubelet does to it can be read in its marks.
func stopper(arguments []string) error {
	flags := flag.NewFlagSet("stopper", flag.ExitOnError)
	stop := flags.Duration("stop", 0, "the time from SIGTERM to the exit")
	hook := flags.Duration("hook", -1, "be a preStop hook that takes so long, instead")
	listen := flags.String("listen", "", "an address: GET there is a preStop hook, too")
	takes := flags.Duration("takes", 0, "how long that hook takes")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	marks, err := openMarks()
	if err != nil {
		return err
	}
	if *hook >= 0 {
		marks.add("hook")
		time.Sleep(*hook)
		marks.add("hook-end")
		return nil
	}
	if *listen != "" {
		server := &http.Server{Addr: *listen, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			marks.add("hook")
			time.Sleep(*takes)
			marks.add("hook-end")
		})}
		go server.ListenAndServe()
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	marks.add("start")
	<-term
	marks.add("sigterm")
	time.Sleep(*stop)
	marks.add("exit")
	return nil
}

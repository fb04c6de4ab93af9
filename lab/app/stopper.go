package main

import (
	"flag"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stopper logs its SIGTERM and exits a given time later: what the kubelet does to it can be read in its marks. Its work
// takes that time from when it takes no more; SIGQUIT is a graceful stop, whatever SIGTERM does.
func stopper(arguments []string) error {
	flags := flag.NewFlagSet("stopper", flag.ExitOnError)
	stop := flags.Duration("stop", 0, "how long its work takes once it takes no more")
	accepts := flags.Duration("accepts", 0, "how long it still takes new work after SIGTERM")
	limit := flags.Duration("limit", -1, "it ends its work after so long")
	cuts := flags.Bool("cuts", false, "it ends its work at SIGTERM, at once")
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
	signal.Notify(term, syscall.SIGTERM, syscall.SIGQUIT)
	marks.add("start")
	told := <-term
	marks.add("sigterm")
	if !*cuts || told == syscall.SIGQUIT {
		if *limit >= 0 {
			*stop = min(*stop, *limit)
		}
		time.Sleep(*accepts + *stop)
	}
	marks.add("exit")
	return nil
}

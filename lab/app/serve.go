package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// serve is an HTTP server with every way to end.
func serve(arguments []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	port := flags.Int("port", 8080, "the port")
	work := flags.Duration("work", 0, "the time that a request takes")
	onTerm := flags.String("on-term", "die", "at SIGTERM: die, or finish what is in flight")
	accept := flags.Duration("accept", 0, "after SIGTERM, how long it still takes new work")
	window := flags.Duration("window", 0, "after that, how long streams go on before they are ended in order")
	length := flags.Duration("stream", 10*time.Second, "how long a stream lasts where nothing ends it")
	routing := flags.Duration("routing-delay", 0, "how long GET /drain, a hook, waits after it has turned readiness off")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *onTerm != "die" && *onTerm != "finish" {
		return fmt.Errorf("-on-term %q is neither die nor finish", *onTerm)
	}
	marks, err := openMarks()
	if err != nil {
		return err
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	var draining atomic.Bool
	ending := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) {
		if draining.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/drain", func(http.ResponseWriter, *http.Request) {
		marks.add("hook")
		draining.Store(true)
		time.Sleep(*routing)
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) { stream(w, r, *length, ending) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		time.Sleep(*work)
		// As a canary says who it is: the load knows which pods had requests in flight.
		fmt.Fprintf(w, "{\"pod\":%q,\"stopping\":false}\n", os.Getenv("LAB_POD"))
	})
	server := &http.Server{Addr: fmt.Sprintf(":%d", *port), Handler: mux}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-term:
	}
	marks.add("sigterm")
	if *onTerm == "finish" {
		time.Sleep(*accept)
		time.AfterFunc(*window, func() { close(ending) })
		err = server.Shutdown(context.Background())
	}
	marks.add("exit")
	return err
}

// stream sends server-sent events, and a last one that says so: without it the client knows that it was cut.
func stream(w http.ResponseWriter, r *http.Request, length time.Duration, ending <-chan struct{}) {
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	ticks := time.NewTicker(200 * time.Millisecond)
	defer ticks.Stop()
	for end := time.After(length); ; {
		select {
		case <-ticks.C:
			io.WriteString(w, "data: tick\n\n")
			if control.Flush() != nil {
				return
			}
			continue
		case <-ending:
		case <-end:
		case <-r.Context().Done():
			return
		}
		io.WriteString(w, "event: bye\ndata:\n\n")
		return
	}
}

package main

import (
	"flag"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// job is a queue worker: it fetches one job after the other, and ends after the one that it holds at SIGTERM. A job that is begun
// and not done was lost: its marks say so.
func job(arguments []string) error {
	flags := flag.NewFlagSet("work", flag.ExitOnError)
	takes := flags.Duration("takes", time.Second, "how long a job takes")
	last := flags.Duration("last", time.Second, "how long one takes that is held at SIGTERM, from then on")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	marks, err := openMarks()
	if err != nil {
		return err
	}
	samples, err := open("LAB_SAMPLES")
	if err != nil {
		return err
	}
	// Its port is for metrics.
	go http.ListenAndServe(":9090", http.NotFoundHandler())
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	for {
		started := time.Now()
		marks.add("job")
		select {
		case <-time.After(*takes):
			marks.add("job-done")
			samples.write(sampleOf(started, ""))
			continue
		case <-term:
		}
		marks.add("sigterm")
		time.Sleep(*last)
		marks.add("job-done")
		samples.write(sampleOf(started, ""))
		marks.add("exit")
		return nil
	}
}

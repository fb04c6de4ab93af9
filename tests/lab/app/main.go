// Command app is the application of the tests on a real node, and the client that loads it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fatal(errors.New("usage: app serve|load [flags]"))
	}
	var err error
	switch os.Args[1] {
	case "serve":
		err = serve(os.Args[2:])
	case "load":
		err = load(os.Args[2:])
	default:
		err = fmt.Errorf("unknown command %q", os.Args[1])
	}
	if err != nil {
		fatal(err)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "app:", err)
	os.Exit(1)
}

func serve(arguments []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	port := flags.Int("port", 8080, "the port")
	work := flags.Duration("work", 0, "the time that a request takes, where it does not say ?work=")
	onTerm := flags.String("on-term", "die", "at SIGTERM: die, finish (what is in flight), or keep (accepting for -keep)")
	keep := flags.Duration("keep", 5*time.Second, "how long -on-term keep goes on")
	ready := flags.String("ready", "/ready", "the path of the readiness probe")
	delay := flags.Duration("start-delay", 0, "the time until it listens")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *onTerm != "die" && *onTerm != "finish" && *onTerm != "keep" {
		return fmt.Errorf("-on-term %q is none of die, finish, keep", *onTerm)
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	select {
	case <-time.After(*delay):
	case <-term:
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc(*ready, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ready\n") })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		wait := *work
		if text := r.URL.Query().Get("work"); text != "" {
			parsed, err := time.ParseDuration(text)
			if err != nil || parsed < 0 || parsed > time.Minute {
				http.Error(w, "work: a duration of at most a minute", http.StatusBadRequest)
				return
			}
			wait = parsed
		}
		time.Sleep(wait)
		io.WriteString(w, "done\n")
	})
	server := &http.Server{Addr: fmt.Sprintf(":%d", *port), Handler: mux}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-term:
	}
	switch *onTerm {
	case "die":
		return nil
	case "keep":
		time.Sleep(*keep)
	}
	return server.Shutdown(context.Background())
}

type result struct {
	Sent    int            `json:"sent"`
	OK      int            `json:"ok"`
	Failed  map[string]int `json:"failed"`
	Longest float64        `json:"longest_seconds"`
}

func load(arguments []string) error {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	url := flags.String("url", "", "what is asked")
	rate := flags.Int("rate", 50, "requests a second, at most 2000")
	duration := flags.Duration("duration", 10*time.Second, "at most 10m")
	connections := flags.String("connections", "new", "new (one for each request) or keepalive")
	timeout := flags.Duration("timeout", 10*time.Second, "of one request")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *url == "" || *rate < 1 || *rate > 2000 || *duration <= 0 || *duration > 10*time.Minute {
		return errors.New("load: -url is needed, -rate is 1 to 2000, -duration is up to 10m")
	}
	if *connections != "new" && *connections != "keepalive" {
		return fmt.Errorf("-connections %q is neither new nor keepalive", *connections)
	}
	client := &http.Client{Timeout: *timeout, Transport: &http.Transport{
		DisableKeepAlives:   *connections == "new",
		MaxIdleConnsPerHost: *rate,
	}}
	total := result{Failed: map[string]int{}}
	var lock sync.Mutex
	var flying sync.WaitGroup
	ticks := time.NewTicker(time.Second / time.Duration(*rate))
	defer ticks.Stop()
	for end := time.Now().Add(*duration); time.Now().Before(end); <-ticks.C {
		flying.Add(1)
		go func() {
			defer flying.Done()
			started := time.Now()
			reason := ask(client, *url)
			took := time.Since(started).Seconds()
			lock.Lock()
			defer lock.Unlock()
			total.Sent++
			total.Longest = max(total.Longest, took)
			if reason == "" {
				total.OK++
			} else {
				total.Failed[reason]++
			}
		}()
	}
	flying.Wait()
	return json.NewEncoder(os.Stdout).Encode(total)
}

// ask returns why the request failed, or nothing.
func ask(client *http.Client, url string) string {
	response, err := client.Get(url)
	if err == nil {
		defer response.Body.Close()
		if _, err = io.Copy(io.Discard, response.Body); err == nil && response.StatusCode != http.StatusOK {
			return fmt.Sprintf("status %d", response.StatusCode)
		}
	}
	var network net.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &network) && network.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case errors.Is(err, io.EOF), strings.Contains(err.Error(), "EOF"):
		return "eof"
	default:
		return "other"
	}
}

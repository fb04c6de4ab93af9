package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	testing "google.golang.org/grpc/interop/grpc_testing"
)

// load asks at a steady rate, or holds streams open, for a bounded time, and writes a sample for each to LAB_SAMPLES.
func load(arguments []string) error {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	kind := flags.String("kind", "http", "http, stream (server-sent events), grpc (unary) or grpc-stream")
	url := flags.String("url", "", "what is asked; HOST:PORT for gRPC")
	method := flags.String("method", "GET", "the HTTP method")
	rate := flags.Int("rate", 50, "requests a second, at most 2000; of streams, how many are open")
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
	samples, err := open("LAB_SAMPLES")
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: *timeout, Transport: &http.Transport{
		DisableKeepAlives:   *connections == "new",
		MaxIdleConnsPerHost: *rate,
	}}
	end := make(chan struct{})
	go until(*duration, end)
	switch *kind {
	case "http":
		steady(*rate, end, samples, func(int) string { return ask(client, *method, *url) })
	case "stream":
		client.Timeout = 3 * time.Minute
		always(*rate, end, samples, func(int) string { return follow(client, *url) })
	case "grpc", "grpc-stream":
		// A few connections: with one, all of the load would go to one pod.
		clients := make([]testing.TestServiceClient, 8)
		for i := range clients {
			if clients[i], err = grpcClient(*url); err != nil {
				return err
			}
		}
		if *kind == "grpc" {
			steady(*rate, end, samples, func(n int) string { return unary(clients[n%len(clients)], *timeout) })
		} else {
			always(*rate, end, samples, func(n int) string { return streaming(clients[n%len(clients)], time.Minute) })
		}
	default:
		return fmt.Errorf("-kind %q is none of http, stream, grpc, grpc-stream", *kind)
	}
	return nil
}

// until ends the load after its time, or when the file LAB_STOP is there.
func until(duration time.Duration, end chan<- struct{}) {
	for over := time.Now().Add(duration); time.Now().Before(over); time.Sleep(100 * time.Millisecond) {
		if path := os.Getenv("LAB_STOP"); path != "" {
			if _, err := os.Stat(path); err == nil {
				break
			}
		}
	}
	close(end)
}

func over(end <-chan struct{}) bool {
	select {
	case <-end:
		return true
	default:
		return false
	}
}

// steady begins a request at each tick, whatever became of the last.
func steady(rate int, end <-chan struct{}, samples *lines, one func(n int) string) {
	var flying sync.WaitGroup
	ticks := time.NewTicker(time.Second / time.Duration(rate))
	defer ticks.Stop()
	for n := 0; !over(end); n++ {
		flying.Add(1)
		go func() {
			defer flying.Done()
			started := time.Now()
			samples.write(sampleOf(started, one(n)))
		}()
		<-ticks.C
	}
	flying.Wait()
}

// always keeps so many going, one after the other. After a failure it waits, as clients do.
func always(count int, end <-chan struct{}, samples *lines, one func(n int) string) {
	var flying sync.WaitGroup
	for n := range count {
		flying.Add(1)
		go func() {
			defer flying.Done()
			for !over(end) {
				started := time.Now()
				reason := one(n)
				samples.write(sampleOf(started, reason))
				if reason != "" {
					time.Sleep(500 * time.Millisecond)
				}
			}
		}()
	}
	flying.Wait()
}

// ask returns why the request failed, or nothing.
func ask(client *http.Client, method, url string) string {
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		return "url"
	}
	response, err := client.Do(request)
	if err != nil {
		return reason(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return reason(err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Sprintf("status %d", response.StatusCode)
	}
	return ""
}

// follow reads a stream to its end, which has to be announced.
func follow(client *http.Client, url string) string {
	response, err := client.Get(url)
	if err != nil {
		return reason(err)
	}
	defer response.Body.Close()
	said := bufio.NewScanner(response.Body)
	for said.Scan() {
		if said.Text() == "event: bye" {
			return ""
		}
	}
	return "cut"
}

func reason(err error) string {
	var network net.Error
	switch {
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

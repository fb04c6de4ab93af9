// Command load creates pods through an API server, as fast as its clients get answers, for benches/apiserver and benches/scale.
// Each client has one connection that is kept; connections and requests are ready before the clock starts. It prints one line
// of JSON: how long all of it took, the latencies' percentiles, and the processor time of the processes that were named.
// With -review it sends that review to a webhook instead, so many a second.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// request is the whole of it as it goes over the wire; the pod's name replaces NAME.
func request(address, namespace string, pod []byte, name string) []byte {
	body := bytes.Replace(pod, []byte("NAME"), []byte(name), 1)
	var all bytes.Buffer
	fmt.Fprintf(&all, "POST /api/v1/namespaces/%s/pods HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n", namespace, address, len(body))
	all.Write(body)
	return all.Bytes()
}

type client struct {
	conn   net.Conn
	reader *bufio.Reader
}

func (c *client) send(request []byte, expected int) error {
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != expected {
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return fmt.Errorf("%s: %s", answer.Status, said)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// processorTime of a process in seconds, user and system, from /proc.
func processorTime(pid string) float64 {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	must(err)
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err := strconv.ParseFloat(fields[11], 64)
	must(err)
	system, err := strconv.ParseFloat(fields[12], 64)
	must(err)
	return (user + system) / 100
}

func ownTime() float64 {
	var usage syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("load: ")
	address := flag.String("address", "", "HOST:PORT of the API server")
	certs := flag.String("certs", "", "the folder of ca.crt, admin.crt and admin.key")
	namespace := flag.String("namespace", "", "where the pods are created")
	file := flag.String("pod", "", "a pod as JSON; NAME in it is replaced")
	clients := flag.Int("clients", 1, "how many create at once")
	count := flag.Int("count", 100, "how many pods they create together")
	review := flag.String("review", "", "a review as JSON, for a webhook at the address")
	rate := flag.Int("rate", 1000, "how many reviews a second")
	seconds := flag.Int("seconds", 10, "for how long")
	named := flag.String("processes", "", "process ids whose processor time is measured, with commas")
	flag.Parse()
	if *review != "" {
		steady(*address, *review, *rate, *seconds, *clients)
		return
	}

	pod, err := os.ReadFile(*file)
	must(err)
	ca, err := os.ReadFile(*certs + "/ca.crt")
	must(err)
	pair, err := tls.LoadX509KeyPair(*certs+"/admin.crt", *certs+"/admin.key")
	must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	config := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}

	requests := make([][]byte, *count)
	for i := range requests {
		requests[i] = request(*address, *namespace, pod, fmt.Sprintf("pod-%05d", i))
	}
	latencies := make([]time.Duration, *count)
	connected := make([]*client, *clients)
	for i := range connected {
		conn, err := tls.Dial("tcp", *address, config)
		must(err)
		connected[i] = &client{conn, bufio.NewReaderSize(conn, 1<<16)}
		must(connected[i].send(fmt.Appendf(nil, "GET /version HTTP/1.1\r\nHost: %s\r\n\r\n", *address), 200))
	}
	processes := strings.FieldsFunc(*named, func(r rune) bool { return r == ',' })
	before := make([]float64, len(processes))
	for i, pid := range processes {
		before[i] = processorTime(pid)
	}

	own := ownTime()
	var next atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for _, client := range connected {
		all.Add(1)
		go func() {
			defer all.Done()
			for {
				i := int(next.Add(1)) - 1
				if i >= *count {
					return
				}
				started := time.Now()
				must(client.send(requests[i], 201))
				latencies[i] = time.Since(started)
			}
		}()
	}
	all.Wait()
	took := time.Since(began)

	used := map[string]float64{}
	for i, pid := range processes {
		used[pid] = processorTime(pid) - before[i]
	}
	used["self"] = ownTime() - own
	slices.Sort(latencies)
	at := func(share float64) float64 { return latencies[min(int(share*float64(*count)), *count-1)].Seconds() }
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"seconds": took.Seconds(), "p50": at(0.5), "p99": at(0.99), "cpu": used,
	}))
}

// steady sends reviews at their times, however late the answers are; a latency counts from when a review was due.
func steady(address, file string, rate, seconds, clients int) {
	body, err := os.ReadFile(file)
	must(err)
	request := fmt.Appendf(nil, "POST /mutate?timeout=10s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", address, len(body), body)
	count := rate * seconds
	latencies := make([]time.Duration, count)
	var next, failed atomic.Int64
	var all sync.WaitGroup
	began := time.Now().Add(100 * time.Millisecond)
	for range clients {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		must(err)
		client := &client{conn, bufio.NewReaderSize(conn, 1<<16)}
		all.Add(1)
		go func() {
			defer all.Done()
			for {
				i := int(next.Add(1)) - 1
				if i >= count {
					return
				}
				due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
				time.Sleep(time.Until(due))
				if err := client.send(request, 200); err != nil {
					failed.Add(1)
				}
				latencies[i] = time.Since(due)
			}
		}()
	}
	all.Wait()
	took := time.Since(began).Seconds()
	slices.Sort(latencies)
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"asked": rate, "seconds": took, "rate": float64(count) / took, "failed": failed.Load(),
		"p50": latencies[count/2].Seconds(), "p99": latencies[count*99/100].Seconds(),
	}))
}

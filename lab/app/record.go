package main

import (
	"bytes"
	"encoding/json"
	"os"
	"sync"
	"time"
)

// milliseconds since 1970.
func milliseconds(moment time.Time) float64 { return float64(moment.UnixMicro()) / 1000 }

// lines appends JSON lines to a file that others append to as well: one write for each, so that none is torn.
type lines struct {
	lock sync.Mutex
	file *os.File
}

// open takes the file from the environment; without it nothing is written.
func open(variable string) (*lines, error) {
	path := os.Getenv(variable)
	if path == "" {
		return &lines{}, nil
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	return &lines{file: file}, err
}

func (l *lines) write(value any) {
	if l.file == nil {
		return
	}
	var line bytes.Buffer
	if json.NewEncoder(&line).Encode(value) != nil {
		return
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	l.file.Write(line.Bytes())
}

// mark is a moment in a container's life.
type mark struct {
	At        float64 `json:"at"`
	Pod       string  `json:"pod"`
	Container string  `json:"container"`
	What      string  `json:"what"`
}

// marks go to LAB_MARKS.
type marks struct{ *lines }

func openMarks() (marks, error) {
	lines, err := open("LAB_MARKS")
	return marks{lines}, err
}

func (m marks) add(what string) {
	m.write(mark{milliseconds(time.Now()), os.Getenv("LAB_POD"), os.Getenv("LAB_CONTAINER"), what})
}

// sample is one request, stream or transaction. Error is empty where all went well.
type sample struct {
	At    float64 `json:"at"`
	Took  float64 `json:"took"`
	Error string  `json:"error,omitempty"`
}

func sampleOf(started time.Time, reason string) sample {
	return sample{milliseconds(started), float64(time.Since(started).Microseconds()) / 1000, reason}
}

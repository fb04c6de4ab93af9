package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// transact is a worker: its transactions go on for a while after SIGTERM, until its work is done.
func transact(arguments []string) error {
	flags := flag.NewFlagSet("transact", flag.ExitOnError)
	url := flags.String("url", "", "the database, as a URL")
	workers := flags.Int("workers", 4, "how many work at once")
	finish := flags.Duration("finish", 4*time.Second, "how long the work goes on after SIGTERM")
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
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		<-term
		marks.add("sigterm")
		time.Sleep(*finish)
		close(done)
	}()
	var working sync.WaitGroup
	for range *workers {
		working.Add(1)
		go func() {
			defer working.Done()
			work(*url, samples, done)
		}()
	}
	working.Wait()
	marks.add("exit")
	return nil
}

func work(url string, samples *lines, done <-chan struct{}) {
	var connection *pgx.Conn
	begun := false
	for {
		select {
		case <-done:
			return
		default:
		}
		started := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := error(nil)
		if connection == nil {
			connection, err = pgx.Connect(ctx, url)
		}
		if err == nil {
			err = transaction(ctx, connection)
		}
		cancel()
		// Until the pooler and the database are up, nothing is lost.
		begun = begun || err == nil
		if err == nil {
			samples.write(sampleOf(started, ""))
			continue
		}
		if connection != nil {
			connection.Close(context.Background())
			connection = nil
		}
		if begun {
			samples.write(sampleOf(started, "transaction"))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func transaction(ctx context.Context, connection *pgx.Conn) error {
	open, err := connection.Begin(ctx)
	if err != nil {
		return err
	}
	for _, query := range []string{"create temporary table if not exists work (n int) on commit delete rows",
		"insert into work values (1)", "select pg_sleep(0.1)"} {
		if _, err := open.Exec(ctx, query); err != nil {
			return err
		}
	}
	return open.Commit(ctx)
}

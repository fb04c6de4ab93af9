package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	testing "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

type service struct {
	testing.UnimplementedTestServiceServer
	work time.Duration
}

func (s service) EmptyCall(context.Context, *testing.Empty) (*testing.Empty, error) {
	return &testing.Empty{}, nil
}

func (s service) UnaryCall(context.Context, *testing.SimpleRequest) (*testing.SimpleResponse, error) {
	time.Sleep(s.work)
	return &testing.SimpleResponse{}, nil
}

// StreamingOutputCall sends as many answers as are asked for, at the pace that is asked for.
func (s service) StreamingOutputCall(r *testing.StreamingOutputCallRequest, out grpc.ServerStreamingServer[testing.StreamingOutputCallResponse]) error {
	for _, one := range r.ResponseParameters {
		time.Sleep(time.Duration(one.IntervalUs) * time.Microsecond)
		if err := out.Send(&testing.StreamingOutputCallResponse{}); err != nil {
			return err
		}
	}
	return nil
}

func serveGRPC(arguments []string) error {
	flags := flag.NewFlagSet("serve-grpc", flag.ExitOnError)
	port := flags.Int("port", 8080, "the port")
	work := flags.Duration("work", 0, "the time that a unary call takes")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	marks, err := openMarks()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", *port))
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	testing.RegisterTestServiceServer(server, service{work: *work})
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	go func() {
		<-term
		marks.add("sigterm")
		server.GracefulStop()
	}()
	err = server.Serve(listener)
	marks.add("exit")
	return err
}

// grpcClient is a connection, to one backend as kube-proxy chose it, until that ends it.
func grpcClient(address string) (testing.TestServiceClient, error) {
	connection, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return testing.NewTestServiceClient(connection), nil
}

func unary(client testing.TestServiceClient, timeout time.Duration) string {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_, err := client.UnaryCall(ctx, &testing.SimpleRequest{})
	return code(err)
}

// streaming takes twenty answers in four seconds.
func streaming(client testing.TestServiceClient, timeout time.Duration) string {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var request testing.StreamingOutputCallRequest
	for range 20 {
		request.ResponseParameters = append(request.ResponseParameters, &testing.ResponseParameters{IntervalUs: 200_000})
	}
	answers, err := client.StreamingOutputCall(ctx, &request)
	for err == nil {
		_, err = answers.Recv()
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return code(err)
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return status.Code(err).String()
}

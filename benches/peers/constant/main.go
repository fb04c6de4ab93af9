// Command constant is the simplest webhook that Go's standard library makes: it reads the review, and answers a constant.
// Arguments: the certificate and its key, for a mutating webhook a JSON patch, with which /mutate answers, and where to listen.
package main

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
)

type review struct {
	Request struct {
		UID string `json:"uid"`
	} `json:"request"`
}

var patch string // ready for an answer, where there is one

func handle(w http.ResponseWriter, r *http.Request) {
	var asked review
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	mutation := ""
	if r.URL.Path == "/mutate" {
		mutation = patch
	}
	fmt.Fprintf(w, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":%q,"allowed":true%s}}`, asked.Request.UID, mutation)
}

func main() {
	if len(os.Args) > 3 {
		patch = `,"patchType":"JSONPatch","patch":"` + base64.StdEncoding.EncodeToString([]byte(os.Args[3])) + `"`
	}
	address := "127.0.0.1:0"
	if len(os.Args) > 4 {
		address = os.Args[4]
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Handler: http.HandlerFunc(handle), TLSConfig: &tls.Config{}}
	panic(server.ServeTLS(listener, os.Args[1], os.Args[2]))
}

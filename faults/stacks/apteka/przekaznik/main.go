// Hands orders on to the register, with a mark of where they came from.
package main

import (
	"flag"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	listen := flag.String("sluchaj", ":8080", "gdzie słuchać")
	target := flag.String("cel", "", "dokąd przekazywać")
	flag.Parse()
	to, err := url.Parse(*target)
	if err != nil || to.Host == "" {
		log.Fatalf("przekaznik: -cel %q: %v", *target, err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	director := proxy.Director
	proxy.Director = func(r *http.Request) {
		director(r)
		r.Header.Set("X-Przekaznik", "lada")
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-told
		os.Exit(0)
	}()
	log.Printf("przekaznik: %s -> %s", *listen, to)
	log.Fatal(http.ListenAndServe(*listen, proxy))
}

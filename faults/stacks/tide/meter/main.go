// Takes readings of the tide over HTTP and tells them on over NATS (serve), sends some (gauge), or asks whether one
// that serves is up (check).
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(log.Ldate | log.Ltime | log.LUTC)
	if len(os.Args) < 2 {
		log.Fatal("usage: meter serve | gauge URL | check URL")
	}
	var err error
	switch {
	case os.Args[1] == "serve":
		err = serve()
	case os.Args[1] == "gauge" && len(os.Args) == 3:
		err = gauge(os.Args[2])
	case os.Args[1] == "check" && len(os.Args) == 3:
		err = check(os.Args[2])
	default:
		err = fmt.Errorf("meter: what is %q", os.Args[1:])
	}
	if err != nil {
		log.Fatal(err)
	}
}

func setting(name string) (string, error) {
	value := os.Getenv(name)
	if value == "" {
		return "", errors.New("meter: " + name + " is not set")
	}
	return value, nil
}

func serve() error {
	address, err := setting("NATS_URL")
	if err != nil {
		return err
	}
	subject, err := setting("TIDE_SUBJECT")
	if err != nil {
		return err
	}
	tide, err := newBus(address)
	if err != nil {
		return err
	}
	go tide.stayConnected()
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "ok\n")
	})
	http.HandleFunc("/readings", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err == nil {
			err = tide.publish(subject, body)
		}
		if err != nil {
			http.Error(w, "reading not taken", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	log.Print("meter: listening on :8080")
	return untilTold(func() error { return http.ListenAndServe(":8080", nil) })
}

// gauge sends one height after the other, and after four of them a whole curve.
func gauge(target string) error {
	pause, err := time.ParseDuration(os.Getenv("GAUGE_PAUSE"))
	if err != nil {
		return fmt.Errorf("meter: GAUGE_PAUSE: %w", err)
	}
	samples := 0
	fmt.Sscan(os.Getenv("GAUGE_SAMPLES"), &samples)
	client := http.Client{Timeout: 6 * time.Second}
	return untilTold(func() error {
		last := map[string]string{}
		for turn := 0; ; turn++ {
			kind, reading := "height", fmt.Sprintf(`{"height": %d}`, 200+turn%90)
			if turn%5 == 4 {
				kind = "curve"
				reading = fmt.Sprintf(`{"height": %d, "curve": [%s0]}`, 200+turn%90, strings.Repeat("201, ", samples))
			}
			now := ""
			answer, err := client.Post(target, "application/json", strings.NewReader(reading))
			if err != nil {
				now = err.Error()
			} else {
				io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				now = answer.Status
			}
			if now != last[kind] {
				log.Printf("gauge: %s: %s", kind, now)
				last[kind] = now
			}
			time.Sleep(pause)
		}
	})
}

func check(target string) error {
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get(target)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

func untilTold(work func() error) error {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
	ended := make(chan error, 1)
	go func() { ended <- work() }()
	select {
	case <-told:
		return nil
	case err := <-ended:
		return err
	}
}

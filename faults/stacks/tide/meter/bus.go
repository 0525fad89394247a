package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"
)

var errNoBus = errors.New("bus: not connected")

// A bus is a connection to a NATS that is made anew whenever it is lost.
type bus struct {
	address *url.URL
	mutex   sync.Mutex
	link    net.Conn
}

func newBus(address string) (*bus, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	return &bus{address: parsed}, nil
}

func (b *bus) publish(subject string, body []byte) error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.link == nil {
		return errNoBus
	}
	b.link.SetWriteDeadline(time.Now().Add(2 * time.Second))
	_, err := fmt.Fprintf(b.link, "PUB %s %d\r\n%s\r\n", subject, len(body), body)
	return err
}

func (b *bus) stayConnected() {
	pause := 500 * time.Millisecond
	for {
		begun := time.Now()
		err := b.talk()
		b.mutex.Lock()
		b.link = nil
		b.mutex.Unlock()
		if time.Since(begun) > 10*time.Second {
			pause = 500 * time.Millisecond
		}
		log.Printf("bus: %v, next try in %v", err, pause)
		time.Sleep(pause)
		if pause < 4*time.Second {
			pause *= 2
		}
	}
}

// talk logs in, hands the connection to those who publish, and answers the server until it goes away.
func (b *bus) talk() error {
	link, err := net.DialTimeout("tcp", b.address.Host, 3*time.Second)
	if err != nil {
		return err
	}
	defer link.Close()
	lines := bufio.NewReader(link)
	if _, err := lines.ReadString('\n'); err != nil {
		return err
	}
	password, _ := b.address.User.Password()
	login, err := json.Marshal(map[string]any{
		"user": b.address.User.Username(), "pass": password,
		"name": "meter", "lang": "go", "version": "1", "verbose": false, "pedantic": false, "protocol": 1,
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(link, "CONNECT %s\r\nPING\r\n", login); err != nil {
		return err
	}
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		switch line = strings.TrimSpace(line); {
		case line == "PING":
			b.mutex.Lock()
			_, err = link.Write([]byte("PONG\r\n"))
			b.mutex.Unlock()
		case line == "PONG":
			b.mutex.Lock()
			b.link = link
			b.mutex.Unlock()
			log.Printf("bus: connected to %s", b.address.Host)
		case strings.HasPrefix(line, "-ERR"):
			err = errors.New(strings.Trim(line[4:], " '"))
		}
		if err != nil {
			return err
		}
	}
}

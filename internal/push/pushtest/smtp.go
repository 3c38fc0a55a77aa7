package pushtest

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
)

// MailFault is something that happens to a dialogue at a command: EHLO, MAIL, RCPT,
// DATA, or END for the dot that ends the message.
type MailFault struct {
	At    string
	Skip  int    // how many it lets pass first
	Times int    // 0 is one, -1 all
	Reply string // as in "451 4.7.1 come back later"; empty to end the connection
	// Hang gives no answer for as long as the client waits.
	Hang bool
	// Acted keeps the message although the reply says otherwise, or never comes.
	Acted bool

	used int
}

// Received is a mail that came in.
type Received struct {
	From, To string // of the envelope
	Data     string // with line ends as \n
}

// SMTP is a fake of a mail server.
type SMTP struct {
	Host string
	Port int

	listener net.Listener
	running  sync.WaitGroup
	hung     chan string
	mu       sync.Mutex // guards what is below
	open     map[net.Conn]bool
	faults   []*MailFault
	received []Received
}

// StartSMTP starts one; Close ends it.
func StartSMTP() (*SMTP, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	s := &SMTP{Host: host, Port: number, listener: listener, hung: make(chan string, 1024), open: map[net.Conn]bool{}}
	s.running.Go(s.accept)
	return s, nil
}

// Close ends the server and all dialogues.
func (s *SMTP) Close() {
	_ = s.listener.Close()
	s.mu.Lock()
	for connection := range s.open {
		_ = connection.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

// Inject adds faults.
func (s *SMTP) Inject(faults ...MailFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		s.faults = append(s.faults, &f)
	}
}

// Hung tells the command at which a dialogue hangs, once it does.
func (s *SMTP) Hung() <-chan string { return s.hung }

// hang waits until the client leaves, or the server is closed.
func (s *SMTP) hang(at string, lines *bufio.Reader) {
	s.hung <- at
	for {
		if _, err := lines.ReadString('\n'); err != nil {
			return
		}
	}
}

// Received are the mails that came in, in their order.
func (s *SMTP) Received() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Received{}, s.received...)
}

func (s *SMTP) accept() {
	for {
		connection, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.mu.Lock()
		s.open[connection] = true
		s.mu.Unlock()
		s.running.Go(func() {
			s.talk(connection)
			_ = connection.Close()
			s.mu.Lock()
			delete(s.open, connection)
			s.mu.Unlock()
		})
	}
}

func (s *SMTP) meet(at string) *MailFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.At != at || f.Times >= 0 && f.used >= f.Skip+f.Times {
			continue
		}
		if f.used++; f.used <= f.Skip {
			continue
		}
		return f
	}
	return nil
}

// talk is one dialogue (RFC 5321).
func (s *SMTP) talk(connection net.Conn) {
	lines := bufio.NewReader(connection)
	say := func(reply string) { fmt.Fprintf(connection, "%s\r\n", reply) }
	mail := Received{}
	say("220 fake.test ESMTP")
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		if fault := s.meet(verb); fault != nil {
			if fault.Hang {
				s.hang(verb, lines)
				return
			}
			if fault.Reply == "" {
				return
			}
			say(fault.Reply)
			continue
		}
		switch verb {
		case "EHLO", "HELO":
			say("250-fake.test")
			say("250 8BITMIME")
		case "MAIL":
			mail = Received{From: between(line)}
			say("250 2.1.0 ok")
		case "RCPT":
			mail.To = between(line)
			say("250 2.1.5 ok")
		case "DATA":
			say("354 go ahead")
			if !s.take(lines, mail, say) {
				return
			}
		case "QUIT":
			say("221 bye")
			return
		case "RSET", "NOOP":
			say("250 ok")
		default:
			say("502 5.5.1 unknown")
		}
	}
}

// take reads a message until the dot; false ends the dialogue.
func (s *SMTP) take(lines *bufio.Reader, mail Received, say func(string)) bool {
	var text strings.Builder
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return false
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "." {
			break
		}
		text.WriteString(strings.TrimPrefix(line, ".") + "\n")
	}
	mail.Data = text.String()
	fault := s.meet("END")
	if fault == nil || fault.Acted {
		s.mu.Lock()
		s.received = append(s.received, mail)
		s.mu.Unlock()
	}
	switch {
	case fault == nil:
		say("250 2.0.0 taken")
	case fault.Hang:
		s.hang("END", lines)
		return false
	case fault.Reply == "":
		return false
	default:
		say(fault.Reply)
	}
	return true
}

func between(line string) string {
	_, rest, _ := strings.Cut(line, "<")
	address, _, _ := strings.Cut(rest, ">")
	return address
}

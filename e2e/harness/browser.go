package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Browser is a Chromium without a window, driven by its DevTools protocol over a
// pair of pipes.
type Browser struct {
	to      io.Writer
	process *process

	mu      sync.Mutex
	calls   int64
	waiting map[int64]chan devtoolsAnswer
	events  map[string]json.RawMessage // the last of each method
	ended   error
}

type devtoolsAnswer struct {
	ID     int64           `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

var errBrowserEnded = errors.New("the browser has ended")

// FakeMedia are flags with which pages get a microphone and a camera that the
// browser makes up, without being asked, and nothing leaves the machine: names are
// not resolved, and WebRTC may connect on the loopback interface.
var FakeMedia = []string{
	"--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required",
	"--allow-loopback-in-peer-connection", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
	"--disable-sync", "--disable-default-apps", "--no-pings", "--disable-domain-reliability", "--metrics-recording-only",
	"--disable-client-side-phishing-detection", "--disable-breakpad",
	// The last one would have the browser announce itself to the network by multicast.
	"--disable-features=OptimizationHints,MediaRouter,Translate,InterestFeedContentSuggestions,CertificateTransparencyComponentUpdater,AutofillServerCommunication,NetworkTimeServiceQuerying,WebRtcHideLocalIpsWithMdns",
}

// StartBrowser starts Chromium, with more flags if any are given; it ends with the
// test.
func StartBrowser(t TB, flags ...string) *Browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("these tests need chromium: run scripts/test-deps.sh")
	}
	profile, err := os.MkdirTemp("", "lingualink-browser-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	arguments := []string{
		"--headless", "--remote-debugging-pipe", "--user-data-dir=" + profile, "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update",
	}
	arguments = append(arguments, flags...)
	if os.Geteuid() == 0 {
		arguments = append(arguments, "--no-sandbox") // its sandbox refuses root
	}
	read, toBrowser, err := os.Pipe()
	if err != nil {
		t.Fatalf("%v", err)
	}
	fromBrowser, write, err := os.Pipe()
	if err != nil {
		t.Fatalf("%v", err)
	}
	command := exec.Command(path, append(arguments, "about:blank")...)
	command.ExtraFiles = []*os.File{read, write} // 3 and 4, as the protocol has it
	b := &Browser{to: toBrowser, waiting: map[int64]chan devtoolsAnswer{}, events: map[string]json.RawMessage{}}
	if b.process, err = startChild(command); err != nil {
		t.Fatalf("starting chromium: %v", err)
	}
	closeAll(t, read, write) // the child has its own
	go b.listen(fromBrowser)
	t.Cleanup(func() { b.end(t, profile, toBrowser, fromBrowser) })
	return b
}

func closeAll(t TB, files ...*os.File) {
	t.Helper()
	for _, file := range files {
		if err := file.Close(); err != nil {
			t.Logf("%v", err)
		}
	}
}

func (b *Browser) end(t TB, profile string, pipes ...*os.File) {
	t.Helper()
	if _, err := b.call("", "Browser.close", nil); err != nil && !errors.Is(err, errBrowserEnded) {
		t.Logf("closing the browser: %v", err)
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-b.process.exit:
	case <-late.C:
		_ = b.process.command.Process.Kill() // it may have ended this moment
		<-b.process.exit
	}
	closeAll(t, pipes...)
	// Its children may write for a moment longer than it lives.
	Eventually(t, "the browser's profile is removed", func() (bool, error) { return os.RemoveAll(profile) == nil, nil })
}

// listen hands answers to who waits for them, and keeps the last event of each kind.
func (b *Browser) listen(from io.Reader) {
	reader := bufio.NewReader(from)
	for {
		message, err := reader.ReadBytes(0)
		if err != nil {
			break
		}
		var answer devtoolsAnswer
		if json.Unmarshal(bytes.TrimSuffix(message, []byte{0}), &answer) != nil {
			continue
		}
		b.mu.Lock()
		if answer.ID == 0 {
			b.events[answer.Method] = answer.Params
			b.mu.Unlock()
			continue
		}
		waiting := b.waiting[answer.ID]
		delete(b.waiting, answer.ID)
		b.mu.Unlock()
		if waiting != nil {
			waiting <- answer
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = errBrowserEnded
	for _, waiting := range b.waiting {
		close(waiting)
	}
	b.waiting = nil
}

func (b *Browser) call(session, method string, params any) (json.RawMessage, error) {
	if params == nil {
		params = map[string]any{}
	}
	got := make(chan devtoolsAnswer, 1)
	b.mu.Lock()
	if b.ended != nil {
		b.mu.Unlock()
		return nil, b.ended
	}
	b.calls++
	request := map[string]any{"id": b.calls, "method": method, "params": params}
	if session != "" {
		request["sessionId"] = session
	}
	b.waiting[b.calls] = got
	message, err := json.Marshal(request)
	if err == nil {
		_, err = b.to.Write(append(message, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return nil, err
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case answer, open := <-got:
		switch {
		case !open:
			return nil, errBrowserEnded
		case answer.Error != nil:
			return nil, fmt.Errorf("%s: %s", method, answer.Error.Message)
		}
		return answer.Result, nil
	case <-late.C:
		return nil, fmt.Errorf("%s is not answered within %v", method, patience)
	}
}

// Tab is one page of a browser.
type Tab struct {
	browser *Browser
	session string
}

// Open shows an address in a new tab and waits until it has loaded, fonts
// included.
func (b *Browser) Open(t TB, url string) *Tab {
	t.Helper()
	return b.open(t, url, map[string]any{"url": "about:blank"})
}

// OpenApart is Open in a window that shares nothing with others, as another
// person's browser: it is not slowed down because it is in the background.
func (b *Browser) OpenApart(t TB, url string) *Tab {
	t.Helper()
	var apart struct {
		ID string `json:"browserContextId"`
	}
	(&Tab{browser: b}).Call(t, "Target.createBrowserContext", nil, &apart)
	return b.open(t, url, map[string]any{"url": "about:blank", "browserContextId": apart.ID, "newWindow": true})
}

func (b *Browser) open(t TB, url string, where map[string]any) *Tab {
	t.Helper()
	root := &Tab{browser: b}
	var target struct {
		ID string `json:"targetId"`
	}
	root.Call(t, "Target.createTarget", where, &target)
	var attached struct {
		Session string `json:"sessionId"`
	}
	root.Call(t, "Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true}, &attached)
	tab := &Tab{browser: b, session: attached.Session}
	for _, domain := range []string{"Page", "DOM", "CSS"} {
		tab.Call(t, domain+".enable", nil, nil)
	}
	tab.Call(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
	var went struct {
		Error string `json:"errorText"`
	}
	tab.Call(t, "Page.navigate", map[string]any{"url": url}, &went)
	if went.Error != "" {
		t.Fatalf("%s: %s", url, went.Error)
	}
	tab.Evaluate(t, `new Promise(done => document.readyState === "complete" ? done() : addEventListener("load", done)).then(() => document.fonts.ready).then(() => true)`, nil)
	return tab
}

// Call sends a command of the protocol and reads its result into into, if any.
func (p *Tab) Call(t TB, method string, params, into any) {
	t.Helper()
	result, err := p.browser.call(p.session, method, params)
	if err == nil && into != nil {
		err = json.Unmarshal(result, into)
	}
	if err != nil {
		t.Fatalf("the browser: %v", err)
	}
}

// Event waits for an event of the protocol that fits.
func (p *Tab) Event(t TB, method string, fits func(params json.RawMessage) bool) {
	t.Helper()
	Eventually(t, "the browser says "+method, func() (bool, error) {
		p.browser.mu.Lock()
		defer p.browser.mu.Unlock()
		params, there := p.browser.events[method]
		return there && fits(params), p.browser.ended
	})
}

// Worker is the service worker of a page's origin, to evaluate in.
func (p *Tab) Worker(t TB) *Tab {
	t.Helper()
	root := &Tab{browser: p.browser}
	var targets struct {
		List []struct {
			ID   string `json:"targetId"`
			Type string `json:"type"`
		} `json:"targetInfos"`
	}
	root.Call(t, "Target.getTargets", nil, &targets)
	for _, target := range targets.List {
		if target.Type == "service_worker" {
			var attached struct {
				Session string `json:"sessionId"`
			}
			root.Call(t, "Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true}, &attached)
			return &Tab{browser: p.browser, session: attached.Session}
		}
	}
	t.Fatalf("there is no service worker")
	return nil
}

// Evaluate runs an expression in the page, waits for it if it is a promise, and
// reads its value into into, if any.
func (p *Tab) Evaluate(t TB, expression string, into any) {
	t.Helper()
	var answer struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Problem *struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	p.Call(t, "Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &answer)
	if answer.Problem != nil {
		t.Fatalf("%s: %s %s", expression, answer.Problem.Text, answer.Problem.Exception.Description)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(answer.Result.Value, into); err != nil {
		t.Fatalf("%s: %v: %s", expression, err, answer.Result.Value)
	}
}

// Font is one that the page was drawn with.
type Font struct {
	Family string  `json:"familyName"`
	Custom bool    `json:"isCustomFont"` // the page's own, not the machine's
	Glyphs float64 `json:"glyphCount"`
}

// Fonts are those that the first element of a selector is drawn with.
func (p *Tab) Fonts(t TB, selector string) []Font {
	t.Helper()
	var document struct {
		Root struct {
			ID int64 `json:"nodeId"`
		} `json:"root"`
	}
	p.Call(t, "DOM.getDocument", nil, &document)
	var node struct {
		ID int64 `json:"nodeId"`
	}
	p.Call(t, "DOM.querySelector", map[string]any{"nodeId": document.Root.ID, "selector": selector}, &node)
	var used struct {
		Fonts []Font `json:"fonts"`
	}
	p.Call(t, "CSS.getPlatformFontsForNode", map[string]any{"nodeId": node.ID}, &used)
	return used.Fonts
}

// PDF prints the page on the paper that it asks for.
func (p *Tab) PDF(t TB) []byte {
	t.Helper()
	var printed struct {
		Data []byte `json:"data"`
	}
	p.Call(t, "Page.printToPDF", map[string]any{"preferCSSPageSize": true, "printBackground": true}, &printed)
	return printed.Data
}

// Picture is what the page looks like, as PNG.
func (p *Tab) Picture(t TB) []byte {
	t.Helper()
	var taken struct {
		Data []byte `json:"data"`
	}
	p.Call(t, "Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &taken)
	return taken.Data
}

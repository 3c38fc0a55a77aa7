package referrals_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// scan reads a QR code as a phone does.
func scan(t *testing.T, picture image.Image) string {
	t.Helper()
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		t.Fatal(err)
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil {
		t.Fatal(err)
	}
	return result.GetText()
}

// draw renders what our SVG consists of: a white square and black rectangles of
// height 1.
func draw(t *testing.T, svg []byte) image.Image {
	t.Helper()
	var drawing struct {
		ViewBox string `xml:"viewBox,attr"`
		Path    struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal(svg, &drawing); err != nil {
		t.Fatal(err)
	}
	const scale = 4
	size, err := strconv.Atoi(strings.Fields(drawing.ViewBox)[2])
	if err != nil {
		t.Fatal(err)
	}
	picture := image.NewGray(image.Rect(0, 0, size*scale, size*scale))
	for i := range picture.Pix {
		picture.Pix[i] = 255
	}
	runs := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-\d+z`).FindAllStringSubmatch(drawing.Path.D, -1)
	for _, run := range runs {
		var x, y, width int
		if _, err := fmt.Sscan(run[1], &x); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(run[2], &y); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(run[3], &width); err != nil {
			t.Fatal(err)
		}
		for i := range width * scale {
			for j := range scale {
				picture.SetGray(x*scale+i, y*scale+j, color.Gray{})
			}
		}
	}
	return picture
}

func TestTheQRCodeIsTheLink(t *testing.T) {
	s := begin(t)
	s.ambassador(ada)
	s.choose(ada, "ADA-HAUSA")
	link := s.Want(s.Do(ada, "GET", own, nil), 200, "").Data()["link"].(string)
	for _, path := range []string{"ADA-HAUSA/qr", "ada-hausa/qr?format=svg", "adahausa/qr"} {
		answer := s.Want(s.Do(guest, "GET", "/api/lingualink/codes/"+path, nil), 200, "")
		if got := scan(t, draw(t, answer.Raw)); got != link {
			t.Errorf("%s: %q, want %q", path, got, link)
		}
		if answer.Header.Get("Content-Type") != "image/svg+xml" || answer.Header.Get("Cache-Control") != "public, max-age=3600" || answer.Header.Get("ETag") == "" {
			t.Errorf("%s: %v", path, answer.Header)
		}
	}
	answer := s.Want(s.Do(guest, "GET", "/api/lingualink/codes/ADA-HAUSA/qr?format=png", nil), 200, "")
	picture, err := png.Decode(bytes.NewReader(answer.Raw))
	if err != nil || answer.Header.Get("Content-Type") != "image/png" {
		t.Fatalf("%v %v", err, answer.Header)
	}
	if got := scan(t, picture); got != link {
		t.Errorf("png: %q, want %q", got, link)
	}
	again := s.Do(guest, "GET", "/api/lingualink/codes/ADA-HAUSA/qr?format=png", nil, "If-None-Match: "+answer.Header.Get("ETag"))
	s.wants("cached", again.Status, 304, len(again.Raw), 0)
	s.Want(s.Do(guest, "GET", "/api/lingualink/codes/ADA-HAUSA/qr?format=gif", nil), 400, "invalid_input")
	s.Want(s.Do(guest, "GET", "/api/lingualink/codes/NOSUCHCODE/qr", nil), 404, "not_found")
	s.Want(s.Do(guest, "GET", "/api/lingualink/codes/%00/qr", nil), 404, "not_found")
}

func TestThePageOfACode(t *testing.T) {
	s := begin(t)
	s.Want(s.Do(ada, "PATCH", usersPath+"/"+s.id(ada), map[string]any{"name": "Àdá \u202e<script>alert(1)</script> عائشة አበበ", "bio": "bio of ada"}), 200, "")
	code := s.code(ada)
	answer := s.Want(s.Do(guest, "GET", "/join/"+strings.ToLower(code), nil), 200, "")
	page := string(answer.Raw)
	for _, has := range []string{
		"<bdi>Àdá &lt;script&gt;alert(1)&lt;/script&gt; عائشة አበበ</bdi> invites you", "<bdi>@ada</bdi>", code, `src="/api/lingualink/codes/` + code + `/qr"`, "sign up",
	} {
		if !strings.Contains(page, has) {
			t.Errorf("the page lacks %q:\n%s", has, page)
		}
	}
	for _, private := range []string{"\u202e", "<script", "@lingualink.test", "bio of ada", s.id(ada), "verified", "standing"} {
		if strings.Contains(page, private) {
			t.Errorf("the page has %q", private)
		}
	}
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)
	sum := sha256.Sum256([]byte(style[1]))
	policy := answer.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; img-src 'self'") || strings.Contains(policy, "script-src") {
		t.Errorf("the policy is %s", policy)
	}
	if strings.Contains(page, "style=") || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Error("a style that the policy refuses, or another type")
	}

	// Nothing tells a code of somebody banned from one that nobody has.
	unknown := s.Want(s.Do(guest, "GET", "/join/NOSUCHCODE", nil), 404, "")
	if !strings.Contains(string(unknown.Raw), "no such invitation") || unknown.Header.Get("Content-Security-Policy") != policy {
		t.Errorf("unknown: %s", unknown.Raw)
	}
	for _, standing := range []string{"suspended", "banned"} {
		s.Want(s.Do(admin, "PATCH", usersPath+"/"+s.id(ada), map[string]any{"standing": standing}), 200, "")
		barred := s.Want(s.Do(guest, "GET", "/join/"+code, nil), 404, "")
		if !bytes.Equal(barred.Raw, unknown.Raw) {
			t.Errorf("%s: the page differs", standing)
		}
		qr, none := s.Do(guest, "GET", "/api/lingualink/codes/"+code+"/qr", nil), s.Do(guest, "GET", "/api/lingualink/codes/NOSUCHCODE/qr", nil)
		if qr.Status != 404 || !bytes.Equal(qr.Raw, none.Raw) {
			t.Errorf("%s: %d %s", standing, qr.Status, qr.Raw)
		}
	}
	s.Want(s.Do(admin, "PATCH", usersPath+"/"+s.id(ada), map[string]any{"standing": "warned"}), 200, "")
	s.Want(s.Do(guest, "GET", "/join/"+code, nil), 200, "")
}

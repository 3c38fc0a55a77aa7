package referrals

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

const (
	quietZone = 4  // modules of white around a QR code, as ISO/IEC 18004 wants
	pngModule = 12 // pixels of a module, enough for print

	svgType, pngType = "image/svg+xml", "image/png"
)

//go:embed join.html
var joinHTML string

//go:embed join.css
var joinCSS string

var joinPage = template.Must(template.New("join").Parse(joinHTML))

// pagePolicy lets the page show its own style and pictures of this server, and
// nothing else: no script runs, whatever somebody calls themselves.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(joinCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// linkTo is the page of a code, as it is shared.
func linkTo(app core.App, code string) string { return address(app) + "/join/" + url.PathEscape(code) }

// qrOf is the path of a code's picture on this server.
func qrOf(code string) string { return shell.APIPrefix + "/codes/" + url.PathEscape(code) + "/qr" }

// address is where people reach the server: LL_PUBLIC_URL if it is set. The host
// that a request names is not believed, an image of it would be kept.
func address(app core.App) string { return strings.TrimRight(app.Settings().Meta.AppURL, "/") }

func registerShare(app core.App, deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/codes/{code}/qr", Who: shell.Anyone, Media: svgType,
		What:   "The link of an invitation code as a QR code.",
		Params: []shell.Param{shell.Query("format", "svg, which is also what comes without it, or png.")},
		Faults: []*fault.Code{fault.NotFound, fault.InvalidInput},
		Handle: showQR,
	})
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "ll.referrals.pages",
		Func: func(e *core.ServeEvent) error {
			e.Router.GET("/join/{code}", showJoin)
			return e.Next()
		},
	})
}

// host is who invites, as everybody may see them.
type host struct {
	ID       string `db:"id"`
	Username string `db:"username"`
	Name     string `db:"name"`
	Avatar   string `db:"avatar"`
	Standing string `db:"standing"`
}

// findHost finds who invites with a code. A code of somebody suspended or banned
// is like one that nobody has: how people stand is told to nobody.
func findHost(app core.App, raw string) (codeRow, host, error) {
	row, err := findCode(app, raw)
	if err != nil {
		return codeRow{}, host{}, err
	}
	var who host
	err = app.DB().NewQuery("SELECT id, username, name, avatar, standing FROM users WHERE id = {:id}").Bind(dbx.Params{"id": row.User}).One(&who)
	if err == nil && accounts.Refusal(who.Standing) != nil {
		err = sql.ErrNoRows
	}
	return row, who, err
}

// showQR draws the code as it is stored, however it was typed.
func showQR(e *core.RequestEvent) error {
	format := e.Request.URL.Query().Get("format")
	if format != "" && format != "svg" && format != "png" {
		return fault.InvalidInput.On("format").Saying("The format is svg or png.")
	}
	row, _, err := findHost(e.App, e.Request.PathValue("code"))
	if errors.Is(err, sql.ErrNoRows) {
		return fault.NotFound.On("code")
	}
	if err != nil {
		return err
	}
	drawn, err := qr.Encode(linkTo(e.App, row.Code), qr.M, qr.Auto)
	if err != nil {
		return err
	}
	content, media := svgImage(drawn), svgType
	if format == "png" {
		media = pngType
		if content, err = pngImage(drawn); err != nil {
			return err
		}
	}
	sum := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	header := e.Response.Header()
	header.Set("Cache-Control", "public, max-age=3600")
	header.Set("ETag", tag)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'none'")
	if e.Request.Header.Get("If-None-Match") == tag {
		return e.NoContent(http.StatusNotModified)
	}
	return e.Blob(http.StatusOK, media, content)
}

// dark tells whether a module of the code is black.
func dark(code barcode.Barcode, x, y int) bool {
	red, _, _, _ := code.At(x, y).RGBA()
	return red == 0
}

// svgImage draws every run of dark modules of a line as one rectangle.
func svgImage(code barcode.Barcode) []byte {
	size := code.Bounds().Dx()
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[1]d" shape-rendering="crispEdges">`, size+2*quietZone)
	fmt.Fprintf(&out, `<rect width="%[1]d" height="%[1]d" fill="#fff"/><path fill="#000" d="`, size+2*quietZone)
	for y := range size {
		for x := 0; x < size; x++ {
			from := x
			for x < size && dark(code, x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&out, "M%d %dh%dv1h-%[3]dz", from+quietZone, y+quietZone, x-from)
			}
		}
	}
	out.WriteString(`"/></svg>`)
	return out.Bytes()
}

func pngImage(code barcode.Barcode) ([]byte, error) {
	size := code.Bounds().Dx() + 2*quietZone
	picture := image.NewPaletted(image.Rect(0, 0, size*pngModule, size*pngModule), color.Palette{color.White, color.Black})
	for i := range picture.Pix {
		x, y := i%picture.Stride/pngModule-quietZone, i/picture.Stride/pngModule-quietZone
		if min(x, y) >= 0 && max(x, y) < code.Bounds().Dx() && dark(code, x, y) {
			picture.Pix[i] = 1
		}
	}
	var out bytes.Buffer
	err := png.Encode(&out, picture)
	return out.Bytes(), err
}

// joinData is what the page shows.
type joinData struct {
	Style                template.CSS
	Found                bool
	Name, Username, Code string
	Avatar, QR, Link     string
}

// showJoin is the page behind a shared link. It is read on other people's phones:
// it shows the public card of who invites, and nothing else of anybody.
func showJoin(e *core.RequestEvent) error {
	row, who, err := findHost(e.App, e.Request.PathValue("code"))
	data, status := joinData{Style: template.CSS(joinCSS)}, http.StatusOK
	switch {
	case errors.Is(err, sql.ErrNoRows):
		status = http.StatusNotFound
	case err != nil:
		return err
	default:
		data.Found, data.Code, data.Username, data.Name = true, row.Code, visible(who.Username), visible(who.Name)
		data.Link, data.QR = linkTo(e.App, row.Code), qrOf(row.Code)
		if data.Name == "" {
			data.Name = data.Username
		}
		if who.Avatar != "" {
			data.Avatar = "/api/files/users/" + who.ID + "/" + url.PathEscape(who.Avatar) + "?thumb=256x256"
		}
	}
	var page bytes.Buffer
	if err := joinPage.Execute(&page, data); err != nil {
		return err
	}
	header := e.Response.Header()
	header.Set("Content-Security-Policy", pagePolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "public, max-age=60")
	return e.Blob(status, "text/html; charset=utf-8", page.Bytes())
}

// visible takes out of a name what nobody sees: marks that turn the direction of
// writing would reach into the words around it. Joiners stay, scripts need them.
func visible(name string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		const nonJoiner, joiner = '\u200c', '\u200d'
		if r != nonJoiner && r != joiner && (unicode.Is(unicode.Cf, r) || unicode.IsControl(r)) {
			return -1
		}
		return r
	}, name))
}

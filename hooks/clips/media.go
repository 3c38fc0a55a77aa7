package clips

import (
	"io"
	"net/http"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
)

// playMedia answers PocketBase's own file route. It keeps media that may still be
// refused or withdrawn out of shared caches: PocketBase would allow 30 days.
func playMedia(e *core.FileDownloadRequestEvent) error {
	policy := "private, no-store"
	if e.Record.GetString("status") == collections.ClipApproved && !e.Record.GetBool("hidden") && !e.Record.GetBool("reserved") {
		policy = "public, no-cache" // kept, but asked for every time: it may be withdrawn
	}
	e.Response.Header().Set("Cache-Control", policy)
	path, err := mediaPath(e.App, e.Record)
	if err != nil {
		return err
	}
	e.ServedPath = path
	return Undated(e.RequestEvent, e.Record.Id, e.Next)
}

// mediaPath is where the recording of a clip is stored. A control has no file of
// its own: it plays that of the clip it shows once more.
func mediaPath(app core.App, clip *core.Record) (string, error) {
	if !clip.GetBool("control") {
		return clip.BaseFilesPath() + "/" + clip.GetString("media"), nil
	}
	var source struct {
		ID    string `db:"id"`
		Media string `db:"media"`
	}
	err := app.DB().NewQuery(`
		SELECT s.id, s.media FROM clip_tallies t JOIN gold_clips g ON g.id = t.gold JOIN clips s ON s.id = g.source
		WHERE t.clip = {:clip}`).Bind(dbx.Params{"clip": clip.Id}).One(&source)
	return clip.Collection().BaseFilesPath() + "/" + source.ID + "/" + source.Media, err
}

// Undated lets serve send the recording of a clip without saying when its file
// was written, which would tell a control, whose file is older than the clip, from
// others. Caches compare by an entity tag instead: a recording never changes.
func Undated(e *core.RequestEvent, clip string, serve func() error) error {
	request, response := e.Request, e.Response
	defer func() { e.Request, e.Response = request, response }()
	e.Request = request.Clone(request.Context())
	for _, condition := range []string{"If-Modified-Since", "If-Unmodified-Since"} {
		e.Request.Header.Del(condition)
	}
	if !strings.HasPrefix(request.Header.Get("If-Range"), `"`) {
		e.Request.Header.Del("If-Range")
	}
	response.Header().Set("ETag", `"`+clip+`"`)
	e.Response = undated{response}
	err := serve()
	if err != nil {
		response.Header().Del("ETag")
	}
	return err
}

// undated drops the time of the last change from an answer.
type undated struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (u undated) WriteHeader(status int) {
	u.Header().Del("Last-Modified")
	u.ResponseWriter.WriteHeader(status)
}

// ReadFrom implements io.ReaderFrom, so that files are still sent by the kernel
// where they can be.
func (u undated) ReadFrom(content io.Reader) (int64, error) {
	return io.Copy(u.ResponseWriter, content)
}

// Unwrap gives http.ResponseController the writer below.
func (u undated) Unwrap() http.ResponseWriter { return u.ResponseWriter }

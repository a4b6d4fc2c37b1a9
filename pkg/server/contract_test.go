package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// contract is openapi.json as a judge: every answer that fixture.do gets has
// to be in it.
type contract struct {
	doc      map[string]any
	compiler *jsonschema.Compiler

	mu      sync.Mutex // guards compiler and schemas
	schemas map[string]*jsonschema.Schema
}

const described = "openapi.json"

var theContract = sync.OnceValue(func() *contract {
	text, err := os.ReadFile(described)
	if err != nil {
		panic(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	c := &contract{doc: doc.(map[string]any), compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource("https://secstream.example/"+described, doc); err != nil {
		panic(err)
	}
	return c
})

// at follows a pointer of names, through $ref, and returns what is there with
// where that is.
func (c *contract) at(names ...string) (map[string]any, []string) {
	var here any = c.doc
	where := []string{}
	for _, name := range names {
		m, ok := here.(map[string]any)
		if !ok {
			return nil, nil
		}
		here, where = m[name], append(where, name)
		if m, ok := here.(map[string]any); ok {
			if ref, ok := m["$ref"].(string); ok {
				here, where = c.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
			}
		}
	}
	m, _ := here.(map[string]any)
	return m, slices.Clone(where)
}

// judge holds v, or a header's text, against the schema at where.
func (c *contract) judge(v any, where []string) error {
	pointer := ""
	for _, name := range where {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	}
	c.mu.Lock()
	schema := c.schemas[pointer]
	var err error
	if schema == nil {
		if schema, err = c.compiler.Compile("https://secstream.example/" + described + "#" + strings.NewReplacer("{", "%7B", "}", "%7D").Replace(pointer)); err == nil {
			c.schemas[pointer] = schema
		}
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// operation is the documented path and method that a request is for.
func (c *contract) operation(method, target string) (pattern []string) {
	target, _, _ = strings.Cut(target, "?")
	paths, _ := c.at("paths")
	for p := range paths {
		expr := "^" + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(p), `[^/]+`) + "$"
		if m, where := c.at("paths", p, strings.ToLower(method)); m != nil && regexp.MustCompile(expr).MatchString(target) {
			return where
		}
	}
	return nil
}

// operations are all that are documented, as "GET /health".
func (c *contract) operations() (list []string) {
	paths, _ := c.at("paths")
	for p := range paths {
		for _, method := range []string{"get", "post", "delete", "put", "patch"} {
			if m, _ := c.at("paths", p, method); m != nil {
				list = append(list, strings.ToUpper(method)+" "+p)
			}
		}
	}
	slices.Sort(list)
	return list
}

// outside is the documented answer to a request that is for no operation.
func outside(status int) []string {
	for name, s := range map[string]int{"NoRoute": 404, "NoMethod": 405, "BadRequest": 400, "Unauthorized": 401, "Forbidden": 403, "TooMany": 429} {
		if s == status {
			return []string{"components", "responses", name}
		}
	}
	return nil
}

// check says what of an answer is not as documented.
func (c *contract) check(method, target string, status int, h http.Header, body string) error {
	if method == http.MethodOptions && status == http.StatusNoContent || method == http.MethodHead {
		return nil // a preflight; an answer without its body
	}
	names := outside(status)
	if op := c.operation(method, target); op != nil {
		names = append(op, "responses", strconv.Itoa(status))
	}
	answer, where := c.at(names...)
	if answer == nil {
		return fmt.Errorf("status %d is not described", status)
	}
	if err := c.checkHeader(answer, where, h); err != nil {
		return err
	}
	content, _ := answer["content"].(map[string]any)
	if len(content) == 0 {
		if body != "" || h.Get("Content-Type") != "" {
			return fmt.Errorf("a body of %q where there is none", h.Get("Content-Type"))
		}
		return nil
	}
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	for described := range content {
		if ok, _ := path.Match(described, kind); !ok {
			continue
		}
		if kind != jsonType {
			return nil
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			return err
		}
		return c.judge(v, append(where, "content", described, "schema"))
	}
	return fmt.Errorf("a body of %q is not described", h.Get("Content-Type"))
}

// checkHeader looks at the headers that are ours.
func (c *contract) checkHeader(answer map[string]any, where []string, h http.Header) error {
	described, _ := answer["headers"].(map[string]any)
	for name := range described {
		text := h.Get(name)
		if text == "" {
			return fmt.Errorf("no header %s", name)
		}
		header, _ := c.at(append(slices.Clone(where), "headers", name, "schema")...)
		var v any = text
		if header["type"] == "integer" {
			v = json.Number(text)
		}
		if err := c.judge(v, append(slices.Clone(where), "headers", name, "schema")); err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
	}
	for name := range h {
		ours := strings.HasPrefix(name, "X-") && name != "X-Content-Type-Options" ||
			slices.Contains([]string{"Retry-After", "Www-Authenticate", "Allow", "Location"}, name)
		found := false
		for d := range described {
			found = found || http.CanonicalHeaderKey(d) == name
		}
		if ours && !found {
			return fmt.Errorf("header %s is not described", name)
		}
	}
	return nil
}

// The contract is no judge that lets everything pass.
func TestTheContractRefuses(t *testing.T) {
	c := theContract()
	jsonHeader := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	const sound = `{"status":"ok","timestamp":"2026-01-02T03:04:05.678Z","uptime":1.5}`
	if err := c.check("GET", "/health", 200, jsonHeader, sound); err != nil {
		t.Errorf("a sound answer: %v", err)
	}
	for what, a := range map[string]struct {
		status int
		header http.Header
		body   string
	}{
		"a field more":      {200, jsonHeader, strings.Replace(sound, "{", `{"secret":1,`, 1)},
		"a field less":      {200, jsonHeader, `{"status":"ok","uptime":1}`},
		"a time that isn't": {200, jsonHeader, strings.Replace(sound, "2026", "soon", 1)},
		"another type":      {200, http.Header{"Content-Type": {"text/plain"}}, sound},
		"another status":    {201, jsonHeader, sound},
		"another code":      {400, jsonHeader, `{"error":"x","code":"busy"}`},
		"a header more":     {200, http.Header{"Content-Type": {jsonType}, "X-Path": {"/home"}}, sound},
	} {
		if err := c.check("GET", "/health", a.status, a.header, a.body); err == nil {
			t.Errorf("%s passes", what)
		}
	}
	if err := c.check("GET", "/api/stats", 429, jsonHeader, `{"error":"x","code":"too_many_requests"}`); err == nil {
		t.Error("429 without Retry-After passes")
	}
	for name := range c.doc["components"].(map[string]any)["schemas"].(map[string]any) {
		if err := c.judge(nil, []string{"components", "schemas", name}); err == nil {
			t.Errorf("%s takes null", name)
		}
	}
}

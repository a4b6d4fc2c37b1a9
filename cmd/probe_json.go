package cmd

import (
	"bufio"
	"bytes"

	"secstream/pkg/probe"
)

// probeJSON writes one object: the schema's name, the files as they come, one
// a line, and at last the sums. Ended early it still is JSON, without sums.
type probeJSON struct {
	w   *bufio.Writer
	any bool
}

// probeTotals are the sums at the end.
type probeTotals struct {
	Files    int     `json:"files"`
	Damaged  int     `json:"damaged"` // readable, and not sound
	Failed   int     `json:"failed"`  // with an error
	Refused  int     `json:"notServed,omitempty"`
	Size     int64   `json:"size"` // bytes
	Duration float64 `json:"duration"`
}

func (p *probeJSON) begin([]string) {
	_, _ = p.w.WriteString(`{"schema":"` + probe.Schema + `","files":[`)
}

func (p *probeJSON) file(j *probeJob) error {
	f := j.file
	if j.err != nil {
		f.Error, f.ErrorKind = clean(j.err), outcomeOf(j.err).name
		if j.refused {
			f.ErrorKind = "not_served"
		}
	}
	b, err := plainJSON(f)
	if err != nil {
		return err
	}
	sep := "\n"
	if p.any {
		sep = ",\n"
	}
	p.any = true
	_, _ = p.w.WriteString(sep)
	_, err = p.w.Write(b)
	return err
}

func (p *probeJSON) end(t *probeTally) error {
	_, _ = p.w.WriteString("\n]")
	if t != nil {
		b, err := plainJSON(probeTotals{Files: t.files, Damaged: t.damaged, Failed: t.failed, Refused: t.refused, Size: t.size, Duration: t.seconds})
		if err != nil {
			return err
		}
		_, _ = p.w.WriteString(`,"totals":`)
		_, _ = p.w.Write(b)
	}
	_, err := p.w.WriteString("}\n")
	return err
}

// plainJSON is v without the line break behind it.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	err := newJSON(&b).Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

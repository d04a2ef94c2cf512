// Package prompt is how a model is asked. A prompt is a file that a person can read, with a version, in the folder of the
// stage that uses it; its hash goes into the drop. What users wrote and what models answered goes in as data sections between
// marker lines, never as instructions:
//
//	<<<BEGIN requirements json 3f9a1c0b7d2e>>>
//	{"requirements": […]}
//	<<<END requirements 3f9a1c0b7d2e>>>
//
// The word behind BEGIN is a nonce made of the hash of all data, so that no data can hold its own end marker and the same
// request has the same text every time. Provider blueprint reads its task out of the same sections with Parse.
package prompt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// Template is a prompt file: a head of `key: value` lines (name, version), an empty line, then the instructions.
// In the instructions {{NONCE}} stands for the nonce of the request.
type Template struct {
	Name    string
	Version int
	Text    string
	SHA256  string // of the whole file
}

// Load reads a template out of a file system, usually an embedded one.
func Load(fsys fs.FS, name string) (Template, error) {
	raw, err := fs.ReadFile(fsys, name)
	if err != nil {
		return Template{}, fmt.Errorf("reading the prompt: %w", err)
	}
	t, err := ParseTemplate(raw)
	if err != nil {
		return Template{}, fmt.Errorf("prompt %s: %w", name, err)
	}
	return t, nil
}

// MustLoad is Load for prompts that are compiled in: a wrong one is a defect that the first test shows.
func MustLoad(fsys fs.FS, name string) Template {
	t, err := Load(fsys, name)
	if err != nil {
		panic(err)
	}
	return t
}

// ParseTemplate reads a template's text.
func ParseTemplate(raw []byte) (Template, error) {
	head, text, found := bytes.Cut(raw, []byte("\n\n"))
	if !found {
		return Template{}, fmt.Errorf("no empty line between head and instructions")
	}
	sum := sha256.Sum256(raw)
	t := Template{Text: strings.TrimSpace(string(text)), SHA256: hex.EncodeToString(sum[:])}
	for _, line := range strings.Split(string(head), "\n") {
		key, value, ok := strings.Cut(line, ": ")
		switch {
		case ok && key == "name":
			t.Name = value
		case ok && key == "version":
			v, err := strconv.Atoi(value)
			if err != nil {
				return Template{}, fmt.Errorf("version: %w", err)
			}
			t.Version = v
		default:
			return Template{}, fmt.Errorf("head: %q is neither name nor version", line)
		}
	}
	if t.Name == "" || t.Version < 1 || t.Text == "" {
		return Template{}, fmt.Errorf("name, a version from 1 and instructions must be there")
	}
	return t, nil
}

// Prompt is what a drop says about the template.
func (t Template) Prompt() pipeline.Prompt {
	return pipeline.Prompt{Name: t.Name, Version: t.Version, SHA256: t.SHA256}
}

// Section is one piece of data. Format is text, markdown, json or a language. Path is set where the data is a file of the
// project; it stands in the marker line behind the nonce. Several sections may have one name (source, one for each file).
type Section struct {
	Name, Format, Path, Body string
}

// JSON makes a section of a value, indented so that a person can read the request too.
func JSON(name string, value any) (Section, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(value); err != nil {
		return Section{}, fmt.Errorf("data section %s: %w", name, err)
	}
	return Section{Name: name, Format: "json", Body: strings.TrimSuffix(b.String(), "\n")}, nil
}

// Project makes the two sections that nearly every question about a project carries.
func Project(r pipeline.Requirements, c pipeline.Contract) (requirements, contract Section, err error) {
	if requirements, err = JSON("requirements", r); err != nil {
		return
	}
	contract, err = JSON("contract", c)
	return
}

// File makes a section of a file of the project.
func File(name, language string, f pipeline.File) Section {
	return Section{Name: name, Format: language, Path: f.Path, Body: strings.TrimSuffix(f.Content, "\n")}
}

// Nonce is made of the data alone. It never occurs in the data.
func Nonce(sections []Section) string {
	for salt := 0; ; salt++ {
		h := sha256.New()
		fmt.Fprintf(h, "%d", salt)
		for _, s := range sections {
			fmt.Fprintf(h, "\x00%s\x00%s\x00%s\x00%d\x00%s", s.Name, s.Format, s.Path, len(s.Body), s.Body)
		}
		nonce := hex.EncodeToString(h.Sum(nil))[:12]
		clash := false
		for _, s := range sections {
			clash = clash || strings.Contains(s.Body, nonce)
		}
		if !clash {
			return nonce
		}
	}
}

// Render gives the system and the user message of a request.
func Render(t Template, sections []Section) (system, user, nonce string) {
	nonce = Nonce(sections)
	var b strings.Builder
	for i, s := range sections {
		if i > 0 {
			b.WriteString("\n")
		}
		head := strings.TrimSpace(strings.Join([]string{s.Name, s.Format, nonce, s.Path}, " "))
		fmt.Fprintf(&b, "<<<BEGIN %s>>>\n%s\n<<<END %s %s>>>\n", head, s.Body, s.Name, nonce)
	}
	return strings.ReplaceAll(t.Text, "{{NONCE}}", nonce), b.String(), nonce
}

var begin = regexp.MustCompile(`^<<<BEGIN ([a-z][a-z0-9_.-]*) ([a-z]+) ([0-9a-f]{12})(?: (\S+))?>>>$`)

// Parse reads the sections back out of a user message. Text outside sections is ignored. An unclosed section is an error.
func Parse(user string) ([]Section, error) {
	var sections []Section
	lines := strings.Split(user, "\n")
	for i := 0; i < len(lines); i++ {
		m := begin.FindStringSubmatch(lines[i])
		if m == nil {
			continue
		}
		end := fmt.Sprintf("<<<END %s %s>>>", m[1], m[3])
		from := i + 1
		for i++; i < len(lines) && lines[i] != end; i++ {
		}
		if i >= len(lines) {
			return nil, fmt.Errorf("data section %s has no end", m[1])
		}
		sections = append(sections, Section{Name: m[1], Format: m[2], Path: m[4], Body: strings.Join(lines[from:i], "\n")})
	}
	return sections, nil
}

// Markers of a file answer.
func fileMarkers(nonce string) (string, string) {
	return "<<<BEGIN FILE " + nonce + ">>>", "<<<END FILE " + nonce + ">>>"
}

// WrapFile is a file answer as the templates ask for it; provider blueprint and tests answer with it.
func WrapFile(nonce, content string) string {
	b, e := fileMarkers(nonce)
	return b + "\n" + strings.TrimSuffix(content, "\n") + "\n" + e + "\n"
}

// UnwrapFile takes the file out of an answer. One Markdown fence directly inside the markers is taken off, since models add it
// out of habit. The error says, in words for the model, what is missing; cut is true if only the end marker is.
func UnwrapFile(nonce, answer string) (content string, cut bool, err error) {
	b, e := fileMarkers(nonce)
	answer = strings.ReplaceAll(answer, "\r\n", "\n")
	_, rest, found := strings.Cut(answer, b)
	if !found {
		return "", false, fmt.Errorf("the line %s is missing: the file must stand between it and %s", b, e)
	}
	body, _, found := strings.Cut(rest, e)
	if !found {
		return strings.TrimPrefix(rest, "\n"), true, fmt.Errorf("the line %s is missing: the answer was cut or not finished", e)
	}
	if strings.Count(answer, b) > 1 {
		return "", false, fmt.Errorf("the line %s stands there twice: answer with one file", b)
	}
	body = strings.Trim(body, "\n")
	if lines := strings.Split(body, "\n"); len(lines) > 2 && strings.HasPrefix(lines[0], "```") && strings.TrimSpace(lines[len(lines)-1]) == "```" {
		body = strings.Join(lines[1:len(lines)-1], "\n")
	}
	if strings.TrimSpace(body) == "" {
		return "", false, fmt.Errorf("the file between the marker lines is empty")
	}
	return body + "\n", false, nil
}

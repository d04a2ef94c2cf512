package blueprint

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestReading holds single clauses against what they must become. Each stands behind a prompt that names the things.
func TestReading(t *testing.T) {
	const library = "A REST API for a library: members, books, loans. "
	const clinic = "A REST API for a clinic: doctors, patients, appointments. An appointment lasts 30 minutes. "
	const plain = "A REST API for tickets: title. "
	const tasks = "A REST API for tasks with title, points, due date and status (open, in progress, done). "
	for clause, want := range map[string]string{
		library + "Members can have up to 3 books at a time.":                                                    "A member has at most 3 open loans.",
		library + "No member may borrow more than four books.":                                                   "",
		library + "A member must not borrow more than four books.":                                               "A member has at most 4 open loans.",
		library + "A member can borrow no more than ten books at once.":                                          "A member has at most 10 open loans.",
		library + "At most 7 books per member.":                                                                  "A member has at most 7 open loans.",
		library + "Books must be returned within two weeks.":                                                     "The due_at of a loan is 2 weeks after its borrowed_at.",
		library + "A loan expires after 1 day.":                                                                  "The expires_at of a loan is 1 day after its borrowed_at.",
		library + "There are at most 1000 books in the library.":                                                 "",
		library + "There are at most 1000 books.":                                                                "There are at most 1000 books.",
		library + "A book's title must be unique.":                                                               "No two books have the same title.",
		library + "No two members may share an email.":                                                           "No two members have the same email.",
		library + "The title of a book has at most 80 characters.":                                               "The title of a book has at most 80 characters.",
		library + "The author of a book must not be empty.":                                                      "A book must have: title, author, isbn.",
		library + "Show overdue loans.":                                                                          "",
		library + "Loans are due after 21 days and overdue loans can be listed.":                                 "Open loans past their due_at can be listed.",
		library + "Books can be searched by title or author.":                                                    "Books can be searched by a text in title, author.",
		library + "Books are sorted by title.":                                                                   "Books are listed in the order of title.",
		library + "A member has at most 5.5 books.":                                                              "",
		library + "A member has at most 0 books.":                                                                "",
		library + "A member has at most 9999999 books.":                                                          "",
		clinic + "Appointments of a doctor must not overlap.":                                                    "Two appointments of one doctor do not overlap in time.",
		clinic + "A doctor cannot have two appointments at the same time.":                                       "Two appointments of one doctor do not overlap in time.",
		clinic + "A doctor can never be double booked.":                                                          "Two appointments of one doctor do not overlap in time.",
		clinic + "Appointments cannot be in the past.":                                                           "The starts_at of an appointment is not in the past when it is set.",
		clinic + "A patient has at most 2 appointments per week.":                                                "A patient has at most 2 appointments a week, counted by starts_at in UTC.",
		clinic + "An appointment can be cancelled.":                                                              "An appointment is open until the operation cancel, which sets cancelled_at and works once.",
		tasks + "Points are between 1 and 13.":                                                                   "The points of a task is at most 13.",
		tasks + "Points must be at least 2.":                                                                     "The points of a task is at least 2.",
		tasks + "Points must not exceed 21.":                                                                     "The points of a task is at most 21.",
		tasks + "Points cannot be negative.":                                                                     "The points of a task is at least 0.",
		tasks + "Titles are required.":                                                                           "A task must have: title.",
		tasks + "A task must have a due date.":                                                                   "A task must have: due_date.",
		tasks + "The status is open by default.":                                                                 "The status of a task is open when not given.",
		tasks + "The default status is in progress.":                                                             "The status of a task is in_progress when not given.",
		tasks + "The default status is lost.":                                                                    "",
		tasks + "No two tasks have the same status.":                                                             "",
		tasks + "You can add, list and delete tasks.":                                                            "Tasks can be created, read, listed and deleted.",
		tasks + "Search by title.":                                                                               "Tasks can be searched by a text in title.",
		plain + "A ticket has a status: open, closed.":                                                           "The status of a ticket is one of: open, closed.",
		plain + "A ticket has a priority: low, medium or high.":                                                  "The priority of a ticket is one of: low, medium, high.",
		plain + "Every ticket must have a status: open, closed.":                                                 "The status of a ticket is one of: open, closed.",
		plain + "Tickets have a status: open, paid, shipped.":                                                    "The status of a ticket is one of: open, paid, shipped.",
		plain + "A ticket may have one severity: low, high.":                                                     "The severity of a ticket is one of: low, high.",
		plain + "A ticket can have a color: red, green, blue.":                                                   "The color of a ticket is one of: red, green, blue.",
		plain + "The status of a ticket is one of open, closed.":                                                 "The status of a ticket is one of: open, closed.",
		plain + "A ticket that is old has a status: open, closed.":                                               "",
		plain + "The owner of a ticket has a status: open, closed.":                                              "",
		plain + "The title is short, clear and unique.":                                                          "",
		plain + "A ticket has a status: open, closed. Its default status is closed.":                             "The status of a ticket is closed when not given.",
		plain + "It supports CRUD operations.":                                                                   "Tickets can be created, read, listed, changed and deleted.",
		library + "Full CRUD for everything.":                                                                    "Loans can be created, read, listed, changed and deleted.",
		"A CRUD API for a library: members, books, loans.":                                                       "Loans can be created, read, listed, changed and deleted.",
		"A search API for articles: title, body":                                                                 "Articles can be searched by a text in title, body.",
		"An API for users: name, role (admin, user, default user)":                                               "The role of a user is user when not given.",
		"An API for users: name, role (admin, user; required)":                                                   "A user must have: role.",
		"An API for books: title, shelf (one of a1, b1)":                                                         "The shelf of a book is one of: a1, b1.",
		"An API for books: title, size (small, medium, large)":                                                   "The size of a book is one of: small, medium, large.",
		"An API for books: title, type (text, image)":                                                            "The type of a book is one of: text, image.",
		"An API for users: name, age (0-150)":                                                                    "The age of a user is at most 150.",
		"An API for users: name, grade (1-6)":                                                                    "The grade of a user is at most 6.",
		"An API for users: name, height (number, 1-3)":                                                           "The height of a user is at most 3.",
		"A CLI for notes. Notes have a title and a body. Notes can be archived.":                                 "A note is open until the operation archive, which sets archived_at and works once.",
		"A CLI for notes with title. A note can be archived and closed.":                                         "",
		"A Go library for a team: players with name, squads. A squad has players. At most 11 players per squad.": "A squad has at most 11 players.",
	} {
		x, err := readPrompt(clause, "auto")
		if err != nil {
			t.Errorf("%q is refused: %v", clause, err)
			continue
		}
		var have []string
		for _, f := range x.p.facts {
			have = append(have, f.sentence())
		}
		switch {
		case want == "" && len(x.unused) == 0:
			t.Errorf("%q should be named as not covered; facts:\n%s", clause, strings.Join(have, "\n"))
		case want != "" && (!slices.Contains(have, want) || len(x.unused) > 0):
			t.Errorf("%q: want %q; unused %q; facts:\n%s", clause, want, x.unused, strings.Join(have, "\n"))
		}
	}
}

// TestUnused: no sentence may get lost.
func TestUnused(t *testing.T) {
	for prompt, want := range map[string][]string{
		lendingHead + "Members pay a fine of one euro a day.":                                                     {"Members pay a fine of one euro a day"},
		lendingHead + "A member borrows at most five books unless the member is a teacher.":                       {"A member borrows at most five books unless the member is a teacher"},
		lendingHead + "A loan is due after 21 days, and an email reminds the member.":                             {"an email reminds the member"},
		lendingHead + "It must run on PostgreSQL. Use OAuth!\nLists are paginated. Written in Go; include tests.": {"It must run on PostgreSQL", "Use OAuth"},
		"A REST API for a library with face recognition: members, books, loans.":                                  {"face recognition"},
		"Hello there! " + lendingHead: {"Hello there"},
	} {
		x, err := readPrompt(prompt, "auto")
		if err != nil {
			t.Errorf("%q: %v", prompt, err)
			continue
		}
		if diff := cmp.Diff(want, x.unused); diff != "" {
			t.Errorf("%q: not used (-want +got):\n%s", prompt, diff)
		}
	}
}

const lendingHead = "A REST API for a lending library: members, books, loans. "

func TestRefusals(t *testing.T) {
	for _, prompt := range []string{"", "hello", "write me a poem", "asdkj qwlekj zxmcn", "a rate-limiting reverse proxy", "a raytracer", "a neural network", "???", "A REST API", "a cli",
		"A REST API for neural networks", "A web service that resizes images", "A text search index with a query language", "A Go library with an LRU cache",
		"A spreadsheet formula evaluator", "A compiler that translates Pascal to WASM", "A chat server with rooms and websockets", "A command line tool that counts words in files",
		"A REST API for books. It trains a neural network. It renders images. It plays chess. It mines bitcoins.", "Ein REST-Dienst für Bücher", "本のAPI", "A web server with caching and plugins", "A web page with a form and a button", "A neural network with an input and an output", "A REST API for a game engine with users"} {
		_, err := readPrompt(prompt, "auto")
		var no *refusal
		if !errors.As(err, &no) {
			t.Errorf("%q is not refused (%v)", prompt, err)
			continue
		}
		for _, word := range []string{"REST API", "command-line tool", "library", "--llm-url"} {
			if !strings.Contains(refuse(no.reason), word) {
				t.Errorf("the refusal of %q does not name %s: %s", prompt, word, no.reason)
			}
		}
		for _, c := range sentences(prompt) {
			if n := strings.Count(no.reason, strconv.Quote(c.text)); n > 1 {
				t.Errorf("the refusal of %q names %q %d times", prompt, c.text, n)
			}
		}
	}
}

// TestExample: what a refusal shows works.
func TestExample(t *testing.T) {
	x, err := readPrompt(example, "auto")
	if err != nil || len(x.unused) > 0 || len(x.assumptions) > 0 {
		t.Fatalf("%q: %v; not used %q, assumed %q", example, err, x.unused, x.assumptions)
	}
	if diff := cmp.Diff([]string{"recipe: title servings:integer minutes:integer"}, things(x.p)); diff != "" {
		t.Error(diff)
	}
}

// FuzzReadPrompt: whatever a prompt says, reading it ends soon, and what it becomes survives the way through the FRD.
func FuzzReadPrompt(f *testing.F) {
	for _, seed := range []string{lendingHead + "A member borrows at most five books; a loan is due after 21 days.", "A CLI: a, b and c (x, (y), z); ()", "A REST API for a a a of of, and and",
		"A Go library that keeps ids with id (unique, 1-2), type, func; at most 3 ids", "An API: errors, pages, data with data, services, strings. A string has at most 3 pages a day.",
		"A REST API for users with name (a, a). Users' names'' must be unique;;; no two of of a", strings.Repeat("a and ", 200) + "API: x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 {
			return
		}
		start := time.Now()
		x, err := readPrompt(text, "auto")
		if time.Since(start) > 20*time.Second {
			t.Errorf("reading took %v", time.Since(start))
		}
		if err != nil {
			return
		}
		x.frd()
		for _, fact := range x.p.facts {
			got, ok := readFact(fact.sentence(), x.p.words())
			if !ok || got.kind != fact.kind || got.sentence() != fact.sentence() {
				t.Errorf("%q is not read back: %v", fact.sentence(), got)
			}
		}
		for _, s := range append(x.p.sources(), x.p.tests()...) {
			if _, err := s.render(); err != nil {
				t.Errorf("%v in a project of %q", err, text)
			}
		}
	})
}

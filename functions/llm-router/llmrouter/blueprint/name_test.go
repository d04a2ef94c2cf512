package blueprint

import (
	"slices"
	"testing"
)

// TestName: words in front of the kind of program say nothing, or what the project is about, or what it has; all others are named. The
// same holds for what stands in front of the things, and for what the head says about how they are kept.
func TestName(t *testing.T) {
	hold(t, []statement{
		{"A password-protected REST API for articles: title.", []string{"article: title"}, []string{"password-protected"}},
		{"A postgres-backed in-memory REST API for articles: title.", []string{"article: title"}, []string{"postgres-backed in-memory"}},
		{"A SOAP-based API for articles: title.", []string{"article: title"}, []string{"SOAP-based"}},
		{"A read-only REST API for articles: title.", []string{"article: title"}, []string{"read-only"}},
		{"An admin-only REST API for articles: title.", []string{"article: title"}, []string{"admin-only"}},
		{"An offline-first CLI for articles: title.", []string{"article: title"}, []string{"offline-first"}},
		{"An event-sourced API for articles: title.", []string{"article: title"}, []string{"event-sourced"}},
		{"A kubernetes-native REST API for articles: title.", []string{"article: title"}, []string{"kubernetes-native"}},
		{"An AI-powered recommendation API for articles: title.", []string{"article: title"}, []string{"AI-powered recommendation"}},
		{"A Redis API for articles: title.", []string{"article: title"}, []string{"Redis"}},
		{"A blockchain API for articles: title.", []string{"article: title"}, []string{"blockchain"}},
		{"A cached REST API for articles: title.", []string{"article: title"}, []string{"cached"}},
		{"A paginated audited REST API for articles: title.", []string{"article: title"}, []string{"audited"}},
		{"A versioned API for articles: title.", []string{"article: title"}, []string{"versioned"}},
		{"A high-performance REST API for articles: title.", []string{"article: title"}, []string{"high-performance"}},
		{"A React app for articles: title.", []string{"article: title"}, []string{"React"}},
		{"An iOS app for articles: title.", []string{"article: title"}, []string{"iOS"}},
		{"A mobile app for articles: title.", []string{"article: title"}, []string{"mobile"}},
		{"A web app for articles: title.", []string{"article: title"}, []string{"web"}},
		{"A GUI app for articles: title.", []string{"article: title"}, []string{"GUI"}},
		{"An interactive CLI for articles: title.", []string{"article: title"}, []string{"interactive"}},
		{"A login system for articles: title.", []string{"article: title"}, []string{"login"}},
		{"A fast and secure REST API for articles: title.", []string{"article: title"}, []string{"fast and secure"}},
		{"A secure, cached REST API for articles: title.", []string{"article: title"}, []string{"secure, cached"}},
		{"An in-memory CLI for articles: title.", []string{"article: title"}, []string{"in-memory"}},
		{"A multi-tenant SaaS platform for articles: title.", []string{"article: title"}, []string{"multi-tenant SaaS"}},
		{"A real-time collaborative REST API for articles: title.", []string{"article: title"}, []string{"real-time collaborative"}},
		{"A REST CLI for articles: title.", []string{"article: title"}, []string{"REST"}},
		{"A REST/GraphQL API for articles: title.", []string{"article: title"}, []string{"REST/GraphQL"}},
		{"A 3-tier REST API for articles: title.", []string{"article: title"}, []string{"3-tier"}},
		{"A gRPC service for articles: title.", []string{"article: title"}, []string{"gRPC"}},
		{"A Python CLI for articles: title.", []string{"article: title"}, []string{"Python"}},
		{"A REST API with JWT authentication for articles: title.", []string{"article: title"}, []string{"with JWT authentication"}},
		{"A REST API secured with OAuth for articles: title.", []string{"article: title"}, []string{"secured with OAuth"}},
		{"A REST API on Kubernetes for articles: title.", []string{"article: title"}, []string{"on Kubernetes"}},
		{"A REST API and CLI for articles: title.", []string{"article: title"}, []string{"and CLI"}},
		{"A terminal UI for articles: title.", []string{"article: title"}, []string{"UI"}},
		{"A small, clean REST API for articles: title.", []string{"article: title"}, nil},
		{"A minimal RESTful JSON API for articles: title.", []string{"article: title"}, nil},
		{"A paginated API for articles: title.", []string{"article: title"}, nil},
		{"A REST API backend server for articles: title.", []string{"article: title"}, nil},
		{"A thread-safe Go library for articles: title.", []string{"article: title"}, nil},
		{"An in-memory Go library for articles: title.", []string{"article: title"}, nil},
		{"A lightweight Go package for articles: title.", []string{"article: title"}, nil},
		{"A local CLI for articles: title.", []string{"article: title"}, nil},
		{"A simple console app for articles: title.", []string{"article: title"}, nil},

		{"A REST API for encrypted notes: title, body", []string{"note: title body"}, []string{"encrypted"}},
		{"A CLI for exporting contacts: name, email", []string{"contact: name email:email"}, []string{"exporting"}},
		{"A REST API for secure notes with title and body", []string{"note: title body"}, []string{"secure"}},
		{"An API for real-time notes: title, body", []string{"note: title body"}, []string{"real-time"}},
		{"A REST API for an AI-powered lending library: members, books, loans.", []string{"member: name email:email", "book: title author isbn", "loan: member_id:reference book_id:reference borrowed_at:timestamp returned_at:timestamp"}, []string{"AI-powered"}},
		{"A REST API for books: title, author. An encrypted note has a title and a body.", []string{"book: title author"}, []string{"An encrypted note has a title and a body"}},

		{"A REST API for a lending library: members, books, loans.", []string{"member: name email:email", "book: title author isbn", "loan: member_id:reference book_id:reference borrowed_at:timestamp returned_at:timestamp"}, nil},
		{"A book lending API: members, books, loans.", []string{"member: name email:email", "book: title author isbn", "loan: member_id:reference book_id:reference borrowed_at:timestamp returned_at:timestamp"}, nil},
		{"A personal library API: members, books, loans.", []string{"member: name email:email", "book: title author isbn", "loan: member_id:reference book_id:reference borrowed_at:timestamp returned_at:timestamp"}, nil},
		{"A hospital appointment API: doctors, patients, appointments.", []string{"doctor: name specialty", "patient: name email:email", "appointment: doctor_id:reference patient_id:reference starts_at:timestamp"}, nil},
		{"A recipe API: title, servings", []string{"recipe: title servings:integer"}, nil},
		{"A wine cellar API: bottles with name and year.", []string{"bottle: name year:integer"}, nil},
		{"A weight tracker CLI: measurements with weight and date", []string{"measurement: weight:number date:date"}, nil},
		{"A REST API for purchase orders: number, total", []string{"purchase order: number:integer total:integer"}, nil},
		{"A CLI for shopping lists: name, note", []string{"shopping list: name note"}, nil},
		{"A REST API for used cars: plate, model", []string{"used car: plate model"}, nil},
		{"A bookmark manager CLI: bookmarks with url and title", []string{"bookmark: url title"}, nil},
		{"A student grade API: students with name, grades with subject and points", []string{"student: name", "grade: subject points:integer"}, nil},
		{"An employee directory API: employees with name, title, email", []string{"employee: name title email:email"}, nil},
		{"A REST API, written in Go, for books: title, author", []string{"book: title author"}, nil},

		{"A fully encrypted password manager CLI: site, username, password", []string{"password: site username password"}, []string{"fully encrypted"}},
		{"An encrypted-at-rest notes API: title, body", []string{"note: title body"}, []string{"encrypted-at-rest"}},
		{"A collaborative notes API: title, body", []string{"note: title body"}, []string{"collaborative"}},
		{"A REST API for collaborative notes: title, body", []string{"note: title body"}, []string{"collaborative"}},
		{"A REST API for cached, paginated articles: title", []string{"article: title"}, []string{"cached"}},
		{"A REST API for notes that are encrypted: title, body", []string{"note: title body"}, []string{"that are encrypted"}},
		{"A REST API for notes encrypted at rest: title, body", []string{"note: title body"}, []string{"encrypted at rest"}},
		{"A Spring API for articles: title", []string{"article: title"}, []string{"Spring"}},
		{"A contacts API for iOS", []string{"contact: name email:email phone"}, []string{"iOS"}},
		{"A notes API for offline use", []string{"note: title body"}, []string{"offline"}},
		{"A machine learning API for articles: title", []string{"article: title"}, []string{"learning"}},
		{"A REST API for family recipes: title", []string{"family recipe: title"}, nil},
		{"A tasks API with title and tags", []string{"task: title tags"}, nil},
		{"A tasks API with tags", []string{"tag: name", "task: title description"}, nil},
		{"A purchase order API. A purchase order has a number and a total.", []string{"purchase order: number:integer total:integer"}, nil},
		{"A chess tournament API: players with name, matches with date", []string{"player: name", "match: date:date"}, nil},
		{"A REST API for books with title, author and full-text search.", []string{"book: title author"}, []string{"full-text search"}},
		{"A REST API for books, authenticated with JWT: title, author", []string{"book: title author"}, []string{"authenticated with JWT"}},
		{"A REST API for books (paginated): title, author", []string{"book: title author"}, nil},
		{"A REST API (with JWT) for books: title, author", []string{"book: title author"}, []string{"(with JWT)"}},

		{"A REST API for books with JWT: title, author.", []string{"book: title author"}, []string{"JWT"}},
		{"A CLI for books with colors: title, author.", []string{"book: title author"}, []string{"colors"}},
		{"A REST API for books with auth - title, author", []string{"book: title author"}, []string{"auth"}},
		{"A REST API for books, backed by PostgreSQL: title, author", []string{"book: title author"}, []string{"backed by PostgreSQL"}},
		{"A REST API for books using Redis: title, author", []string{"book: title author"}, []string{"using Redis"}},
		{"A REST API for books stored in PostgreSQL: title, author", []string{"book: title author"}, []string{"stored in PostgreSQL"}},
		{"A REST API for books via gRPC: title, author", []string{"book: title author"}, []string{"via gRPC"}},
		{"A REST API for books powered by AI: title, author", []string{"book: title author"}, []string{"powered by AI"}},
		{"A REST API for books using Redis. A book has a title and an author.", []string{"book: title author"}, []string{"using Redis"}},
		{"A REST API for books without a database: title, author", []string{"book: title author"}, []string{"without a database"}},
		{"A books API with caching: title, author", []string{"book: title author"}, []string{"caching"}},
		{"A books API with pagination: title, author", []string{"book: title author"}, nil},
	})
}

// TestKeeps: what the program is said to keep is read as what a head names.
func TestKeeps(t *testing.T) {
	hold(t, []statement{
		{"Build me a REST API. It keeps books (title, author).", []string{"book: title author"}, nil},
		{"Build me a REST API. It keeps books: title, author.", []string{"book: title author"}, nil},
		{"I need a CLI. The tool stores books with title and author.", []string{"book: title author"}, nil},
		{"Build me a REST API. It stores books and authors.", []string{"book: title author isbn", "author: name"}, nil},
		{"Build me a CLI. The tool tracks expenses with amount and date.", []string{"expense: amount_cents:integer date:date"}, nil},
		{"Build me a REST API. It should keep track of members, books and loans.", []string{"member: name email:email", "book: title author isbn", "loan: member_id:reference book_id:reference borrowed_at:timestamp returned_at:timestamp"}, nil},
		{"A REST API. The API manages gadgets with name and price.", []string{"gadget: name price_cents:integer"}, nil},
		{"An API. It stores a name and an email for each customer.", []string{"customer: name email:email"}, nil},
		{"A REST API for articles: title. It manages sessions. It handles errors.", []string{"article: title"}, []string{"It manages sessions", "It handles errors"}},
		{"Build me a REST API. It keeps encrypted books (title, author).", nil, []string{"It keeps encrypted books (title, author)"}},
		{"Build me a REST API. It keeps books (title, author) in SQLite.", nil, []string{"It keeps books (title, author) in SQLite"}},
	})
}

// TestBrackets: what stands behind a field is used or named, and the field stays.
func TestBrackets(t *testing.T) {
	hold(t, []statement{
		{"A REST API for articles: title (searchable, sortable), body.", []string{"article: title body"}, []string{"(searchable, sortable)"}},
		{"A REST API for articles: title, status (draft, published, default draft).", []string{"article: title status"}, nil},
		{"A REST API for articles: title, status (indexed, searchable).", []string{"article: title status"}, []string{"(indexed, searchable)"}},
		{"A REST API for articles: title, status (see docs), created_at (auto), owner (email)", []string{"article: title status created_at:timestamp owner:email"}, []string{"(see docs)", "(auto)"}},
		{"A REST API for users: name, password (hashed, salted).", []string{"user: name password"}, []string{"(hashed, salted)"}},
		{"A REST API for articles: title (in English, German or French), body", []string{"article: title body"}, []string{"(in English, German or French)"}},
		{"A REST API for books. A book has a title, an author (indexed, unique) and a year.", []string{"book: title author year:integer"}, []string{"indexed"}},
		{"A REST API for users: username (3-20), password (8-64)", []string{"user: username password"}, []string{"(3-20)", "(8-64)"}},
		{"A REST API for users: name (3-50), birthday (1900-2010)", []string{"user: name birthday:date"}, []string{"(3-50)", "(1900-2010)"}},
		{"A REST API for users: name between 3 and 50, age between 0 and 150", []string{"user: name age:integer"}, []string{"between 3 and 50"}},
		{"A REST API for articles: title, count of at most 5 characters", []string{"article: title count:integer"}, []string{"of at most 5 characters"}},
		{"A REST API for users: name, active (default true), stock (default 0)", []string{"user: name active:boolean stock:integer"}, []string{"(default true)", "(default 0)"}},
		{"A REST API for users: email (validated, unique), name", []string{"user: email:email name"}, []string{"validated"}},
		{"A REST API for tasks: title, status (todo, doing, done; required), tags (comma separated)", []string{"task: title status tags"}, []string{"(comma separated)"}},
		{"A REST API for users: id (uuid), name", []string{"user: name"}, []string{"(uuid)"}},
		{"A REST API for users: id: uuid, name", []string{"user: name"}, []string{"id: uuid"}},
		{"A REST API for users: name, id string", []string{"user: name"}, []string{"id string"}},
		{"A REST API for users: id (integer, primary key), name", []string{"user: name"}, nil},
		{"A REST API for users: name, id uuid", []string{"user: name"}, []string{"id uuid"}},
		{"A REST API for devices: uuid, name", []string{"device: uuid name"}, nil},
		{"A REST API for tasks: title, done (yes or no, required), priority (low, high, unique)", []string{"task: title done:boolean priority"}, []string{"required", "unique"}},
		{"A REST API for tasks: title, unique done", []string{"task: title done:boolean"}, []string{"unique"}},
		{"A REST API for users: id (uuid), username (3-20), password (8-64), age (0-150), birthday (1900-2010).", []string{"user: username password age:integer birthday:date"}, []string{"(uuid)", "(3-20)", "(8-64)", "(1900-2010)"}},
		{"A REST API for users: id, name", []string{"user: name"}, nil},
		{"A REST API for articles: title, published (yes or no), hot (true/false), new (yes/no, optional)", []string{"article: title published:boolean hot:boolean new:boolean"}, nil},
	})
}

// TestQualities: what every project of the kind is, and only of that kind, is no demand.
func TestQualities(t *testing.T) {
	hold(t, []statement{
		{"A REST API for books: title, author. The API is written in Go. It stores its data in a file. Responses are JSON.", []string{"book: title author"}, nil},
		{"A REST API for books: title, author. It must be written in Go.", []string{"book: title author"}, nil},
		{"A REST API for books: title, author. Please write it in Go.", []string{"book: title author"}, nil},
		{"A REST API for books: title, author. Write the whole thing in Go.", []string{"book: title author"}, nil},
		{"A REST API for books: title, author. Use only Go's standard library.", []string{"book: title author"}, nil},
		{"A REST API for books: title, author. Include a README.", []string{"book: title author"}, nil},
		{"A REST API for books: title, author. Provide unit tests and a README.", []string{"book: title author"}, nil},
		{"A REST API for books: title, author. It supports CRUD operations.", []string{"book: title author"}, nil},
		{"A REST API for books: title, author. The service validates all input.", []string{"book: title author"}, nil},
		{"A REST API for books: title, author. All user input is validated.", []string{"book: title author"}, nil},
		{"A REST API for books: title, author. Errors are returned as JSON.", []string{"book: title author"}, nil},
		{"A REST API for books: title, author. All responses should be JSON.", []string{"book: title author"}, nil},
		{"A REST API for books: title, author. No external dependencies.", []string{"book: title author"}, nil},
		{"A REST API for books: title, author. The code is written in Go and uses only the standard library. The project includes a README and unit tests.", []string{"book: title author"}, nil},
		{"A REST API for books: title, author. It is written in Go 1.25.", []string{"book: title author"}, []string{"It is written in Go 1.25"}},
		{"A REST API for books: title, author. Use Go with Gin.", []string{"book: title author"}, []string{"Use Go with Gin"}},
		{"A REST API for books: title, author. Include a Dockerfile.", []string{"book: title author"}, []string{"Include a Dockerfile"}},
		{"A REST API for books: title, author. Provide integration tests.", []string{"book: title author"}, []string{"Provide integration tests"}},
		{"A REST API for books: title, author. Errors are returned as XML.", []string{"book: title author"}, []string{"Errors are returned as XML"}},
		{"A REST API for books: title, author. It stores its data in SQLite.", []string{"book: title author"}, []string{"It stores its data in SQLite"}},
		{"A REST API for books: title, author. Use Python's standard library.", []string{"book: title author"}, []string{"Use Python's standard library"}},
		{"A REST API for books: title, author. It supports CRUD operations and bulk import.", []string{"book: title author"}, []string{"bulk import"}},
		{"A REST API for books: title, author. It is written in Go and Rust.", []string{"book: title author"}, []string{"Rust"}},
		{"A CLI for books: title, author. It saves everything to a JSON file. Built with Go. Supports CRUD.", []string{"book: title author"}, nil},
		{"A CLI for books: title, author. Errors are returned as JSON.", []string{"book: title author"}, []string{"Errors are returned as JSON"}},
		{"A Go library for books: title, author. It stores its data in a file.", []string{"book: title author"}, []string{"It stores its data in a file"}},
	})
}

// TestVocabulary: what asks for something is not taken for a word of a domain as well.
func TestVocabulary(t *testing.T) {
	for _, w := range demands {
		for _, list := range [][]string{domains, gerunds, generalNouns, nameFillers, harmless} {
			if slices.Contains(list, w) {
				t.Errorf("%q stands among the demands and in another list", w)
			}
		}
	}
}

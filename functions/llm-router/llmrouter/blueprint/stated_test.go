package blueprint

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// statement is a prompt with what must come of it.
type statement struct {
	prompt string
	things []string
	unused []string
}

// stated are prompts of the kind that people type, with the things and fields that must come of them and with what must be named
// as not used. A field stands as name, or name:type where it is no text; what the program adds by itself (references, times) too.
var stated = []statement{
	// A list behind a colon.
	{"An API for contacts: nickname, fax, birthday.", []string{"contact: nickname fax birthday:date"}, nil},
	{"An API for contacts: name, email, phone.", []string{"contact: name email:email phone"}, nil},
	{"A contact API: nickname, fax, birthday", []string{"contact: nickname fax birthday:date"}, nil},
	{"A CLI for recipes: title, servings, minutes.", []string{"recipe: title servings:integer minutes:integer"}, nil},
	{"A Go library for contacts: nickname, fax and birthday", []string{"contact: nickname fax birthday:date"}, nil},
	{"A REST API for gadgets: serial number, price, weight.", []string{"gadget: serial_number price_cents:integer weight:number"}, nil},
	{"I need an API that stores movies: title, director, release year, rating.", []string{"movie: title director release_year:integer rating:integer"}, nil},
	{"An API for invoices: number, customer name, total, due date, paid (boolean).", []string{"invoice: number:integer customer_name total:integer due_date:date paid:boolean"}, nil},
	{"A CLI to track expenses: date, amount, category.", []string{"expense: date:date amount_cents:integer category"}, nil},
	{"An API for events: name, venue, start time, end time.", []string{"event: name venue start_time:timestamp end_time:timestamp"}, nil},
	{"An API for orders: customer, product, quantity.", []string{"order: customer product quantity:integer ordered_at:timestamp"}, nil},
	{"An inventory API: sku, quantity, price.", []string{"item: sku quantity:integer price_cents:integer"}, nil},
	{"A todo API: title, due date, done.", []string{"task: title due_date:date done:boolean"}, nil},
	{"A REST API for contacts: nickname, fax and birthday; the nickname is required.", []string{"contact: nickname fax birthday:date"}, nil},
	{"An API for contacts: nickname (required), fax (optional), birthday (date).", []string{"contact: nickname fax birthday:date"}, nil},
	{"An API for contacts: nickname string, age int, active bool.", []string{"contact: nickname age:integer active:boolean"}, nil},
	{"An API for contacts: nickname: string, age: integer.", []string{"contact: nickname age:integer"}, nil},
	{"A REST API for contacts\n- nickname\n- fax\n- birthday", []string{"contact: nickname fax birthday:date"}, nil},
	{"A REST API for contacts.\n\nFields:\n- nickname (required)\n- fax\n- birthday", []string{"contact: nickname fax birthday:date"}, nil},

	// A sentence.
	{"An API for contacts with nickname, fax and birthday", []string{"contact: nickname fax birthday:date"}, nil},
	{"Contacts with nickname, fax and birthday", []string{"contact: nickname fax birthday:date"}, nil},
	{"A recipe has a title, servings and minutes.", []string{"recipe: title servings:integer minutes:integer"}, nil},
	{"A REST API for contacts. A contact has a nickname, a fax and a birthday.", []string{"contact: nickname fax birthday:date"}, nil},
	{"An API for contacts. Each contact has a nickname, fax, and birthday.", []string{"contact: nickname fax birthday:date"}, nil},
	{"A REST API for contacts with fields nickname, age (integer), birthday.", []string{"contact: nickname age:integer birthday:date"}, nil},
	{"A REST API for contacts with the following fields: nickname, age (integer) and birthday.", []string{"contact: nickname age:integer birthday:date"}, nil},
	{"A REST API for contacts. Fields: nickname, fax, birthday.", []string{"contact: nickname fax birthday:date"}, nil},
	{"A REST API for contacts. The fields of a contact are nickname, fax and birthday.", []string{"contact: nickname fax birthday:date"}, nil},
	{"A REST API for customers. Store a name and an email for each customer.", []string{"customer: name email:email"}, nil},
	{"A REST API for customers. For each customer, store a nickname and a fax.", []string{"customer: nickname fax"}, nil},
	{"Build me an API to manage employees with name, salary, hire date and department.", []string{"employee: name salary_cents:integer hire_date:date department"}, nil},
	{"Create a REST API for a library where each book has a title, an author and a year.", []string{"book: title author year:integer"}, nil},
	{"A REST API for a garage. A jig has a serial number, a maker and a year.", []string{"jig: serial_number maker year:integer"}, nil},
	{"An API with a contact that has a nickname, a fax and a birthday.", []string{"contact: nickname fax birthday:date"}, nil},
	{"A REST API that keeps recipes with title, ingredients and cooking time (minutes).", []string{"recipe: title ingredients cooking_time:integer"}, nil},

	{"A REST API for books. It has a title, an author and a year.", []string{"book: title author year:integer"}, nil},
	{"A REST API for books - title,author,year", []string{"book: title author year:integer"}, nil},
	{"Build a pet store API where pets have a name, species, age and price, and customers have a name and phone.", []string{"pet: name species age:integer price_cents:integer", "customer: name phone"}, nil},
	{"A CLI password manager: site, username, password. Passwords are encrypted.", []string{"password: site username password"}, []string{"Passwords are encrypted"}},
	{"A habit tracker: habits with name, frequency and streak.", []string{"habit: name frequency streak:integer"}, nil},

	{"I'd like an app to track books: title, author, status (unread, reading, read).", []string{"book: title author status"}, nil},
	{"A REST API for a school: students have a name and a grade, classes have a title and a teacher.", []string{"student: name grade", "class: title teacher"}, nil},

	{"A REST API for recipes: title, cooking time, price, duration (minutes), cost: float", []string{"recipe: title cooking_time_minutes:integer price_cents:integer duration:integer cost:number"}, nil},

	{"A REST API for contacts. It has a login page and a search box.", []string{"contact: name email:email phone"}, []string{"It has a login page and a search box"}},

	{"An API where users can store contacts with nickname, fax and birthday", []string{"contact: nickname fax birthday:date"}, nil},
	{"An API that lets me store contacts: nickname, fax and birthday", []string{"contact: nickname fax birthday:date"}, nil},
	{"An API for contacts, which have a nickname and a fax", []string{"contact: nickname fax"}, nil},
	{"Simple bookmarks API. Bookmark: url, title, created_at.", []string{"bookmark: url title created_at:timestamp"}, nil},
	{"A bookmark API. A bookmark has a url and a title.", []string{"bookmark: url title"}, nil},
	{"Create a Go CLI app named \"jot\" for notes: title, body, tags", []string{"note: title body tags"}, nil},
	{"An API to manage my comics: title, issue number, price paid", []string{"comic: title issue_number price_paid_cents:integer"}, nil},

	// Parentheses, and several things.
	{"A REST API for our library. Books: title, isbn. Members: name, email. Loans: book, member, due date.", []string{"book: title isbn", "member: name email:email", "loan: book_id:reference member_id:reference due_date:date borrowed_at:timestamp returned_at:timestamp"}, nil},
	{"A REST API for a gym: members (name, email, plan), classes (title, instructor, start time, capacity).", []string{"member: name email:email plan", "class: title instructor start_time:timestamp capacity:integer"}, nil},
	{"A REST API with users and posts. User fields: username, email. Post fields: title, body.", []string{"user: username email:email", "post: title body"}, nil},
	{"A REST API for blog posts and comments. Posts have title, body, tags. Comments have author and text.", []string{"blog post: title body tags", "comment: author text blog_post_id:reference"}, nil},
	{"Users: name, email; Posts: title, content, author. REST API.", []string{"user: name email:email", "post: title content author"}, nil},
	{"A REST API for menus: dish, price; and orders: table number, dish, quantity.", []string{"menu: dish price_cents:integer", "order: table_number dish quantity:integer menu_id:reference ordered_at:timestamp"}, nil},
	{"A REST API for a clinic.\n\nPatient:\n- name (required)\n- birth date\n- blood type\n\nDoctor:\n- name\n- specialty\n\nRules:\n- A doctor must not be deleted on Sundays.", []string{"patient: name birth_date:date blood_type", "doctor: name specialty"}, []string{"A doctor must not be deleted on Sundays"}},
	{"A REST API for contacts (nickname, fax).", []string{"contact: nickname fax"}, nil},
	{"A REST API for books (title, isbn) and authors (name, country).", []string{"book: title isbn", "author: name country"}, nil},
	{"A REST API for books: title, isbn; authors: name, country.", []string{"book: title isbn", "author: name country"}, nil},
	{"A REST API for contacts. Contacts: nickname, fax, birthday. Notes: title, body.", []string{"contact: nickname fax birthday:date", "note: title body"}, nil},
	{"A REST API for books and authors. Books have title, isbn and pages. Authors have name and birth date.", []string{"book: title isbn pages:integer", "author: name birth_date:date"}, nil},
	{"A REST API for dogs: name, breed, age. A dog belongs to an owner.", []string{"dog: name breed age:integer owner_id:reference", "owner: name email:email"}, nil},

	// Lists of something else than fields.
	{"A todo API: create, update and delete tasks", []string{"task: title description"}, nil},
	{"An API for contacts: add, list, search.", []string{"contact: name email:email phone"}, nil},
	{"An API for contacts: nickname, fax, add, delete.", []string{"contact: nickname fax"}, nil},
	{"A REST API for a shop with products, orders and customers", []string{"product: name price_cents:integer", "order: product_id:reference customer_id:reference ordered_at:timestamp", "customer: name email:email"}, nil},
	{"A REST API for contacts: name, fax. Note: use PostgreSQL.", []string{"contact: name fax"}, []string{"Note: use PostgreSQL"}},
	{"A REST API for contacts: name, fax. Database: PostgreSQL. Endpoints: login, logout. Roles: admin, editor.", nil, []string{"Database: PostgreSQL", "Endpoints: login, logout", "Roles: admin, editor"}},
	{"A REST API for contacts: name, fax. See https://example.com/spec: for details.", []string{"contact: name fax"}, []string{"See https://example.com/spec: for details"}},
	{"A REST API for contacts: name, fax. Backups at 10:30.", []string{"contact: name fax"}, []string{"Backups at 10:30"}},
	{"A task API: title, priority. Priorities: low, medium, high.", []string{"task: title priority"}, nil},
	{"A REST API for tasks. Authentication, pagination, search.", []string{"task: title description"}, []string{"Authentication"}},
	{"An API for tasks: title, authentication, search, sharing", []string{"task: title"}, []string{"authentication, search, sharing"}},
	{"A GraphQL API for contacts: nickname, fax", []string{"contact: nickname fax"}, []string{"GraphQL"}},
	{"An authenticated REST API for contacts: nickname, fax", []string{"contact: nickname fax"}, []string{"authenticated"}},
	{"An API for contacts: nickname, fax. Users log in with JWT.", []string{"contact: nickname fax"}, []string{"Users log in with JWT"}},
	{"An API for users: name, email, password. It must run on PostgreSQL. GET /users/export returns CSV.", []string{"user: name email:email password"}, []string{"It must run on PostgreSQL", "GET /users/export returns CSV"}},

	{"An API for tasks: kanban board, calendar view, dark mode.", []string{"task: title description"}, []string{"kanban board, calendar view, dark mode"}},
	{"An API for contacts: simple, fast and secure.", []string{"contact: name email:email phone"}, []string{"simple, fast and secure"}},
	{"An API for contacts with nickname, fax and JWT authentication.", []string{"contact: nickname fax"}, []string{"JWT authentication"}},
	{"An API for tasks: reminders, sharing, tags", []string{"task: title description"}, []string{"reminders, sharing, tags"}},
	{"A REST API in Python for contacts: nickname, fax.", nil, []string{"in Python for contacts", "nickname, fax"}},
	{"A shop with products, orders and customers", nil, []string{"A shop with products, orders and customers"}},

	{"A REST API for contacts with a web frontend", []string{"contact: name email:email phone"}, []string{"a web frontend"}},
	{"A REST API for contacts: JWT auth, Docker, tests.", []string{"contact: name email:email phone"}, []string{"JWT auth, Docker"}},
	{"A REST API for contacts with name, email, tests and documentation.", []string{"contact: name email:email"}, []string{"documentation"}},
	{"A REST API for contacts: import from CSV, export to PDF, email notifications.", []string{"contact: name email:email phone"}, []string{"import from CSV, export to PDF, email notifications"}},
	{"A REST API for contacts with tags and groups", []string{"tag: name", "group: name", "contact: name email:email phone"}, nil},
	{"A CLI for time tracking: start, stop, report.", nil, []string{"start, stop, report"}},
	{"A REST API for contacts, JWT auth, Docker, tests.", []string{"contact: name email:email phone"}, []string{"JWT auth, Docker"}},
	{"A REST API for users with roles admin and user.", []string{"user: name email:email"}, []string{"roles admin and user"}},
	{"A REST API for a bakery: cakes.", nil, []string{"which fields cakes have"}},
	{"rest api user name email password", nil, []string{"rest api user name email password"}},
	{"A REST API for events with start and end.", []string{"event: start:timestamp end:timestamp"}, nil},

	// Names.
	{"A REST API for cats: name, isVaccinated, dateOfBirth.", []string{"cat: name is_vaccinated:boolean date_of_birth:date"}, nil},
	{"A REST API for houses: address, price: number, rooms: integer", []string{"house: address price:number rooms:integer"}, nil},
	{"A REST API for contacts: phone number, e-mail, e-mail address, ID, is_active, zip-code.", []string{"contact: phone_number email:email email_address:email is_active:boolean zip_code"}, nil},
	{"A REST API for gadgets: type, class, func, def, interface, id, created_at", []string{"gadget: type class func def interface created_at:timestamp"}, nil},
	{"A REST API for contacts: name, name, fax, Name.", []string{"contact: name fax"}, nil},
	{"A REST API for contacts: name, teléfono, dirección.", []string{"contact: name"}, []string{"teléfono, dirección"}},
	{"A REST API for recipes with title, photos, servings and limit.", []string{"recipe: title servings:integer"}, []string{"photos", "limit"}},
	{"I want a REST API for products: id, name, price, in_stock, created_at, updated_at", []string{"product: name price_cents:integer in_stock:boolean created_at:timestamp"}, []string{"updated_at"}},
	{"An API for users: username unique, email unique, bio optional", []string{"user: username email:email bio"}, nil},
	{"A simple CRUD API for students: roll number, name, grade, gpa.", []string{"student: roll_number name grade gpa:number"}, nil},
	{"A REST API for companies: name, vat number, number of employees, iban, website url", []string{"company: name vat_number number_of_employees:integer iban website_url"}, nil},
}

func TestStatedFields(t *testing.T) { hold(t, stated) }

// hold reads each prompt; no things stand for a refusal, which names what is unused.
func hold(t *testing.T, all []statement) {
	t.Helper()
	for _, tc := range all {
		x, err := readPrompt(tc.prompt, "auto")
		if err != nil {
			if tc.things != nil {
				t.Errorf("%q is refused: %v", tc.prompt, err)
			}
			for _, part := range tc.unused {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the refusal of %q does not name %q: %v", tc.prompt, part, err)
				}
			}
			continue
		}
		if diff := cmp.Diff(tc.things, things(x.p)); diff != "" {
			t.Errorf("%q: things (-want +got):\n%s", tc.prompt, diff)
		}
		if diff := cmp.Diff(tc.unused, x.unused); diff != "" {
			t.Errorf("%q: not used (-want +got):\n%s", tc.prompt, diff)
		}
	}
}

// TestOptional: what the prompt says need not be given is not demanded; without a word the field that people tell things apart by is.
func TestOptional(t *testing.T) {
	for prompt, want := range map[string][]string{
		"An API for contacts: nickname, fax.":                                      {"nickname"},
		"An API for contacts: nickname (optional), fax.":                           nil,
		"An API for contacts: optional nickname, fax (required).":                  {"fax"},
		"An API for contacts. A contact has a unique nickname, a fax.":             {"nickname"},
		"An API for contacts. A contact has a nickname (unique, optional), a fax.": nil,
	} {
		x, err := readPrompt(prompt, "auto")
		if err != nil {
			t.Errorf("%q is refused: %v", prompt, err)
			continue
		}
		var have []string
		if f := x.p.first("required", "contact", ""); f != nil {
			have = f.list
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%q: required (-want +got):\n%s", prompt, diff)
		}
	}
}

func things(p *project) []string {
	var all []string
	for _, e := range p.Entities {
		s := e.Word + ":"
		for _, f := range e.Fields {
			s += " " + f.Name
			if f.Type != text {
				s += ":" + f.Type
			}
		}
		all = append(all, s)
	}
	return all
}

// TestTooManyFields: a list that is too long is refused as one, however long it is.
func TestTooManyFields(t *testing.T) {
	for _, n := range []int{25, 100, 1000, 5000} {
		fields := make([]string, n)
		for i := range fields {
			fields[i] = fmt.Sprintf("field%d", i)
		}
		for _, prompt := range []string{"An API for contacts: " + strings.Join(fields, ", "), "An API for contacts. A contact has a " + strings.Join(fields, ", a ") + "."} {
			_, err := readPrompt(prompt, "auto")
			var no *refusal
			if want := fmt.Sprintf("24 fields, the prompt names %d", n); !errors.As(err, &no) || !strings.Contains(no.reason, want) || len(no.reason) > 100 {
				t.Errorf("%d fields: %.300v; want a short refusal that says %q", n, err, want)
			}
		}
	}
}

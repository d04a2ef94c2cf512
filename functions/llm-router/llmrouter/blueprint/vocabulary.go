package blueprint

import "strings"

// wellKnown gives things the fields that they have where the prompt names none. A line is: names of things, a colon, fields;
// ! a field that must be given, * one that is unique.
var wellKnown = readVocabulary(`
member user customer client patient student guest subscriber reader employee volunteer teacher owner: name! email!*
doctor dentist vet nurse: name! specialty
author artist person instructor driver player: name!
contact supplier vendor company: name! email phone
book: title! author! isbn!*
movie film album: title! year
song track: title! artist! duration
product item article part: name! price
task todo ticket issue: title! description
note document memo: title! body
post: title! body!
project team category tag genre department playlist: name!*
room table desk hall court: name!* capacity
car vehicle bike van: plate!* model
warehouse shop store branch location: name!* address
course lecture: title! description
event concert: title! venue
recipe: title! ingredients instructions
comment review: body!
expense: description! amount! date
pet animal: name! species
loan rental checkout borrowing appointment meeting lesson booking reservation order enrolment enrollment:
`)

func readVocabulary(table string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(strings.TrimSpace(table)) {
		names, fields, _ := strings.Cut(line, ":")
		for _, name := range strings.Fields(names) {
			m[name] = strings.TrimSpace(fields)
		}
	}
	return m
}

// link is a thing that brings other things together, for a time.
type link struct {
	stamp     string // field with the time of creation
	closing   string // operation that ends it
	exclusive bool   // the thing that is handed over can be in one open record only
	start     bool   // the client says when it starts
	end       bool   // and when it ends
}

var links = map[string]link{
	"loan":        {stamp: "borrowed_at", closing: "return", exclusive: true},
	"borrowing":   {stamp: "borrowed_at", closing: "return", exclusive: true},
	"checkout":    {stamp: "checked_out_at", closing: "return", exclusive: true},
	"rental":      {stamp: "rented_at", closing: "return", exclusive: true},
	"appointment": {start: true},
	"meeting":     {start: true},
	"lesson":      {start: true},
	"booking":     {start: true, end: true},
	"reservation": {start: true, end: true},
	"order":       {stamp: "ordered_at"},
	"enrolment":   {stamp: "enrolled_at"},
	"enrollment":  {stamp: "enrolled_at"},
}

// linkOf names the link that a verb makes.
var linkOf = map[string]string{"borrow": "loan", "borrows": "loan", "rent": "rental", "rents": "rental", "book": "booking", "books": "booking", "reserve": "reservation", "reserves": "reservation"}

// people hand things over; they are not handed over.
var people = strings.Fields("member user customer client patient student guest subscriber reader employee volunteer teacher owner person instructor driver player visitor tenant")

// verbs of the operations that every thing may have.
var operationOf = map[string]string{
	"add": "created", "create": "created", "register": "created", "insert": "created",
	"show": "read", "get": "read", "view": "read", "read": "read",
	"list": "listed", "browse": "listed", "print": "listed",
	"update": "changed", "edit": "changed", "change": "changed", "modify": "changed", "rename": "changed",
	"delete": "deleted", "remove": "deleted",
}

var participleOf = func() map[string]string {
	m := map[string]string{"read": "read", "shown": "read", "viewed": "read"}
	for verb, operation := range operationOf {
		m[participle(verb)] = operation
	}
	return m
}()

// closings are verbs that end a thing without deleting it.
var closings = strings.Fields("complete finish done close cancel archive return resolve approve publish pay ship submit")

// fieldTypes by the last word of a field's name; what is not here is text.
var fieldTypes = func() map[string]string {
	m := map[string]string{}
	for typ, words := range map[string]string{
		email:     "email",
		integer:   "quantity count number age year pages stock capacity rating score points seats floor level size copies duration length price cost amount fee salary balance total budget mileage population streak",
		decimal:   "weight height width depth latitude longitude temperature distance percentage gpa humidity speed pressure",
		boolean:   "active enabled available archived paid done completed public private",
		date:      "date birthday deadline day",
		timestamp: "time timestamp start end",
	} {
		for _, w := range strings.Fields(words) {
			m[w] = typ
		}
	}
	return m
}()

// Amounts of money are whole cents, since fractions of two lose some; lengths of time whole seconds.
var (
	moneyWords    = strings.Fields("price cost amount fee salary balance budget")
	durationWords = strings.Fields("duration length")
)

// amounts are never negative, by the last word of a field's name.
var amounts = strings.Fields("cents seconds minutes quantity count age year pages stock capacity score points seats size copies " + strings.Join(counts, " "))

// counts are plurals that say how many there are.
var counts = strings.Fields("cents seconds minutes hours servings portions calories likes views votes clicks visits stars followers wins losses goals reps sets bedrooms bathrooms beds downloads credits attempts")

// activities take a while: their time is a length of time.
var activities = strings.Fields("cooking baking prep preparation reading waiting travel playing running response")

// ordinals are what has numbers to reckon with; other numbers name something, and may begin with 0 or hold letters.
var ordinals = strings.Fields("page line track seat chapter episode season volume floor week")

// notFields are names in lists behind things that ask for something else than a field: what a program does, or what it is. What it
// does with a record's times and files it does by itself or not at all.
var notFields = strings.Fields("add create register insert show get view list browse print update edit change modify rename delete remove search find filter sort use " +
	"finish close cancel archive return resolve approve publish pay ship submit upload import export backup sync send stop pause resume run play report share download fetch login logout signup signin auth crud " +
	"simple fast small secure lightweight modern clean robust scalable reliable efficient easy minimal web_interface user_interface updated_at modified_at deleted_at")

// features are last words of what a program has, and no record.
var features = strings.Fields("authentication authorization authorisation registration pagination validation persistence encryption integration synchronization notification handling swagger openapi docker " +
	"frontend backend database ui gui documentation docs ci cd cache website app application deployment container auth " +
	"jwt oauth oauth2 postgresql postgres mysql sqlite mongodb redis api support search updates mode view board dashboard login first")

// nounsInIng are the words in -ing that are fields; others are what a program does, as sharing or logging.
var nounsInIng = strings.Fields("rating heading building meaning opening closing spelling ranking standing beginning ending wing ring king string swing landing offering painting drawing recording training setting reading")

// notThings are plurals in front of lists that are no things to keep.
var notThings = strings.Fields("field attribute property column endpoint route feature requirement rule constraint operation command detail tool technology option permission request response error header value example functionality instruction")

// subjects are projects that keep things of another name, where the prompt does not name any.
var subjects = map[string]string{"todo": "task", "to-do": "task", "todo list": "task", "to-do list": "task", "inventory": "item", "blog": "post", "address book": "contact", "phone book": "contact", "contact book": "contact",
	"cookbook": "recipe", "recipe book": "recipe", "guest book": "guest"}

// containers are things that a prompt also calls a project by: a shop has products.
var containers = strings.Fields("warehouse shop store branch location company team project department playlist album event concert room")

// demands are words for a kind of program, or what it must do, that no project here has. isDemand knows more by their form.
var demands = strings.Fields("graphql grpc soap websocket secure realtime multitenant asynchronous async serverless distributed offline private confidential " +
	"python java javascript typescript node nodejs django flask fastapi rails ruby rust php kotlin spring express " +
	"postgres postgresql mysql sqlite mongodb redis kafka kubernetes docker react angular vue ios android blockchain jwt oauth oauth2 saml ldap aws azure firebase")

// harmless participles say what a thing is, rather than what a program does with it.
var harmless = strings.Fields("rented borrowed loaned planned watched wanted collected printed recorded baked canned speed breed hundred family supply assembly daily weekly monthly yearly reply")

// gerunds are activities that things are named after: a lending library, shopping lists.
var gerunds = strings.Fields("lending booking parking shopping wedding training meeting fishing climbing hiking knitting gardening banking housing clothing catering swimming cycling camping sailing racing " +
	"dating tutoring cleaning moving gaming brewing farming hunting bowling boxing skating skiing surfing coaching nursing printing publishing shipping billing accounting invoicing ticketing budgeting " +
	"planning filming dancing singing writing sewing earring pudding evening morning tracking managing borrowing rowing bookkeeping")

// domains are nouns that say what a project is about.
var domains = strings.Fields("lending library hospital clinic school university college gym zoo bakery restaurant cafe hotel garage garden farm kitchen bookshop bookstore museum cinema theatre theater salon spa office " +
	"club church charity agency pharmacy laboratory lab airline airport bank market supermarket grocery pet medical dental veterinary health fitness sport sports music book reading food wine cellar beer coffee tea cocktail " +
	"plant flower fruit animal dog cat horse bird game board card toy tool machine equipment device asset stock inventory parts furniture household home house property apartment flat real-estate travel trip flight train bus " +
	"parking ticket support help desk helpdesk service customer client contact address phone email mail people person staff hr employee payroll shift personnel student course class grade exam training " +
	"finance money budget expense invoice bill account accounting payment purchase sale sales order shipment delivery vendor supplier product catalog catalogue shop store cart " +
	"blog post news article comment bookmark link url note notes diary journal todo to-do task project time timesheet work job kanban habit goal meal diet workout exercise water sleep mood weather sensor " +
	"event calendar meeting appointment booking reservation schedule seat room volunteer donation member membership subscription poll vote survey quiz question answer flashcard word vocabulary language dictionary " +
	"quote joke photo picture image video movie film series tv show podcast song album playlist record vinyl comic magazine guest review rating wish gift shopping list password snippet recipe cook cookbook collection " +
	"greenhouse nursery vehicle car bike bicycle fleet rental repair maintenance workshop warehouse lost found crm cms " +
	"watchlist planner auction tournament chess league team player match conference festival concert shelter adoption campaign canteen menu dish barber hairdresser dentist doctor patient vet treatment prescription medicine medication " +
	"season stadium court lesson tutor teacher homework research paper publication author publisher newspaper radio station channel instrument band artist gallery art exhibition craft coin stamp antique puzzle seed crop harvest hive")

// generalNouns stand in names of projects for what all of them do.
var generalNouns = strings.Fields("management manager tracking tracker list collection directory system app application tool program software service platform")

// nameFillers say nothing about what is built, or what every project here is. Those of nameFillersOf hold for one kind only.
var (
	nameFillers = strings.Fields("small simple basic tiny little minimal minimalistic minimalist clean nice good great neat plain lean short complete new own personal internal custom sample demo example toy " +
		"standalone self-contained generic proper idiomatic modern lightweight straightforward typed go golang tested well-tested common ordinary normal typical online")
	nameFillersOf = map[string]string{
		api:     "json http http-based rest rest-based restful rest-ful json-based web backend server-side",
		cli:     "local command-line commandline terminal console cli terminal-based",
		library: "reusable",
	}
)

// pluralFields are plurals that people write into one text.
var pluralFields = strings.Fields("ingredients instructions steps tags notes details lyrics keywords pages points seats copies address status species series genres languages skills allergies hobbies actors symptoms toppings")

// stopWords do not occur in names of things and fields.
var stopWords = strings.Fields("a an the and or but not no of to in on at by for from with without within as is are be been was were has have had it its their they that which who whom whose this these those there " +
	"can cannot may must should shall will would could do does if unless when while until before after than then more most least at up only each every all any some many several via using per so because about over under between")

// behaviours are programs that do something else than keep things.
var behaviours = strings.Fields("chat proxy compiler interpreter parser renderer raytracer crawler scraper bot emulator simulator engine gateway balancer encoder decoder player generator solver converter translator calculator")

// The words for the kinds of project, and those in front of them that leave no doubt about the kind.
const (
	adjectives = `(?:(?:small|simple|basic|tiny|little|minimal|json|http|rest|restful|crud|web|go|golang|typed|backend) )*`
	apiRE      = `(?:api|(?:rest |web |http )?(?:service|server)|backend|microservice)(?: (?:service|server|backend)){0,2}`
	cliRE      = `(?:command[- ]line|cli|terminal|console)(?: (?:tool|app|application|program|utility|interface|client))?`
	libraryRE  = `(?:library|package|module)`
	appRE      = `(?:app|application|system|platform|manager|tracker|software|program)`
)

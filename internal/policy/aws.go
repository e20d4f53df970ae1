package policy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
)

// AWSOptions say what references do not.
type AWSOptions struct {
	Region  string   // of the environment; empty: any
	Account string   // number; empty: any
	Keys    []string // ARNs of KMS keys that are the customer's own
}

// iam is a policy of IAM (user guide, "IAM JSON policy reference").
type iam struct {
	Version   string
	Statement []iamStatement
}

type iamStatement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string][]string `json:",omitempty"`
}

// awsWho tells identities apart.
type awsWho struct {
	login   string // instance with a login of its own
	profile string
	role    string // that is assumed
}

func (w awsWho) compare(other awsWho) int {
	return cmp.Or(cmp.Compare(w.login, other.login), cmp.Compare(w.profile, other.profile), cmp.Compare(w.role, other.role))
}

func (w awsWho) String() string {
	switch {
	case w.role != "":
		return "the role " + w.role
	case w.profile != "":
		return "the profile " + w.profile
	case w.login != "":
		return "the provider " + w.login
	}
	return ""
}

// AWS returns the IAM policies for lookups of the kinds aws and ssm, others being left
// out: one for each identity, such as the one that pylee runs as and the roles that it
// assumes.
func AWS(lookups []Lookup, o AWSOptions) ([]Grant, error) {
	if o.Account != "" && (len(o.Account) != 12 || strings.Trim(o.Account, "0123456789") != "") {
		return nil, errors.New("the number of an account has 12 digits")
	}
	all := map[awsWho]*awsIdentity{}
	identity := func(w awsWho) *awsIdentity {
		if all[w] == nil {
			all[w] = newAWSIdentity()
		}
		return all[w]
	}
	var errs []error
	for _, l := range lookups {
		if l.Kind != "aws" && l.Kind != "ssm" {
			continue
		}
		who := awsWho{profile: l.option("profile")}
		if l.Login {
			who.login = l.Instance
		}
		if role := l.option("role_arn"); role != "" {
			identity(who).roles.add(role)
			who.role = role
		}
		errs = append(errs, identity(who).read(l, o))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var grants []Grant
	for _, who := range slices.SortedFunc(maps.Keys(all), awsWho.compare) {
		grants = append(grants, Grant{For: who.String(), Text: iamText(all[who].statements(o)), Notes: all[who].notes(o)})
	}
	return grants, nil
}

// awsIdentity is what one identity reads.
type awsIdentity struct {
	secrets, parameters, roles set
	services                   set            // whose requests KMS sees: secretsmanager.eu-west-1.amazonaws.com
	together                   map[string]set // secrets that are read at once, by place
	anyRegion, anyAccount      bool
}

func newAWSIdentity() *awsIdentity {
	return &awsIdentity{secrets: set{}, parameters: set{}, roles: set{}, services: set{}, together: map[string]set{}}
}

// read adds one reference, in each region that may be asked for it.
func (a *awsIdentity) read(r Lookup, o AWSOptions) error {
	if strings.HasPrefix(r.Name, "arn:") {
		return a.arn(r)
	}
	name := r.Name
	if r.Kind == "ssm" {
		name, _, _ = strings.Cut(name, ":")
	}
	if !only(name, "/_+=.@-") {
		return r.fault("this is not the name of a secret or a parameter")
	}
	all := regions(r, o)
	if slices.ContainsFunc(all, func(region string) bool { return !only(region, "-") }) {
		return r.fault("this is not a region")
	}
	if len(all) == 0 {
		a.anyRegion, all = true, []string{"*"}
	}
	a.anyAccount = a.anyAccount || o.Account == ""
	for _, region := range all {
		a.resource(r, partition(region), region, cmp.Or(o.Account, "*"), name)
	}
	a.batch(r, r.option("region")+" "+strings.Join(r.texts("regions"), " "), name)
	return nil
}

// regions are all that may be asked: the region of the reference alone, else those of
// the block, else that of the environment. None: it is not known.
func regions(r Lookup, o AWSOptions) []string {
	if region := r.Options["region"]; region != "" {
		return []string{region}
	}
	if list := r.texts("regions"); len(list) > 0 {
		return list
	}
	if region := cmp.Or(r.option("region"), o.Region); region != "" {
		return []string{region}
	}
	return nil
}

// partition of AWS that a region is in.
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// secretsByParameter is where the Parameter Store shows secrets of the other service.
const secretsByParameter = "/aws/reference/secretsmanager/"

func (a *awsIdentity) resource(r Lookup, partition, region, account, name string) {
	if r.Kind == "ssm" {
		a.parameters.add("arn:" + partition + ":ssm:" + region + ":" + account + ":parameter/" + strings.TrimPrefix(name, "/"))
		a.service("ssm", partition, region)
		hidden, ok := strings.CutPrefix(name, secretsByParameter)
		if !ok {
			return
		}
		name = hidden
	}
	// Six characters that nobody knows stand behind the name (Secrets Manager API, ARN).
	a.secrets.add("arn:" + partition + ":secretsmanager:" + region + ":" + account + ":secret:" + name + "-??????")
	a.service("secretsmanager", partition, region)
}

func (a *awsIdentity) service(name, partition, region string) {
	domain := ".amazonaws.com"
	if partition == "aws-cn" {
		domain += ".cn"
	}
	a.services.add(name + "." + region + domain)
}

// arn adds a reference that is written as an ARN, perhaps with the suffix of ECS.
func (a *awsIdentity) arn(r Lookup) error {
	parts := strings.Split(r.Name, ":")
	service, kind, least := "secretsmanager", "secret", 7
	if r.Kind == "ssm" {
		service, kind, least = "ssm", "parameter/", 6
	}
	if len(parts) < least || parts[2] != service || !strings.HasPrefix(parts[5], kind) || !only(strings.Join(parts[1:least], ""), "/_+=.@-") {
		return r.fault("this is not the ARN of a secret or a parameter")
	}
	region := parts[3]
	id := strings.Join(parts[:least], ":")
	a.service(service, parts[1], region)
	if r.Kind == "ssm" {
		a.parameters.add(id)
		if hidden, ok := strings.CutPrefix(parts[5], "parameter"+secretsByParameter); ok {
			a.resource(Lookup{Kind: "aws"}, parts[1], region, parts[4], hidden)
		}
		return nil
	}
	if !complete(parts[6]) {
		id += "-??????"
	}
	a.secrets.add(id)
	pinned := len(parts) == 10 && parts[8]+parts[9] != ""
	if !pinned {
		a.batch(r, region, id)
	}
	return nil
}

// complete tells whether the name in an ARN ends with the six characters.
func complete(name string) bool {
	at := len(name) - 7
	return at > 0 && name[at] == '-' && only(name[at+1:], "")
}

// batch notes which secrets pylee reads together: those of one place that no version
// is asked of.
func (a *awsIdentity) batch(r Lookup, region, id string) {
	if r.Kind != "aws" || r.Options["stage"]+r.Options["version"] != "" {
		return
	}
	place := strings.Join([]string{r.Instance, region, r.Options["profile"], r.Options["endpoint"], r.Options["external_id"]}, "\n")
	if a.together[place] == nil {
		a.together[place] = set{}
	}
	a.together[place].add(id)
}

func (a *awsIdentity) statements(o AWSOptions) []iamStatement {
	var all []iamStatement
	allow := func(sid, action string, resources ...string) {
		all = append(all, iamStatement{Sid: sid, Effect: "Allow", Action: []string{action}, Resource: resources})
	}
	if len(a.secrets) > 0 {
		allow("ReadSecrets", "secretsmanager:GetSecretValue", a.secrets.sorted()...)
	}
	for _, together := range a.together {
		if len(together) > 1 {
			allow("ReadSecretsTogether", "secretsmanager:BatchGetSecretValue", "*") // it knows no resources
			break
		}
	}
	if len(a.parameters) > 0 {
		allow("ReadParameters", "ssm:GetParameters", a.parameters.sorted()...)
	}
	if len(all) > 0 && len(o.Keys) > 0 {
		allow("DecryptForThese", "kms:Decrypt", o.Keys...)
		all[len(all)-1].Condition = map[string]map[string][]string{"StringLike": {"kms:ViaService": a.services.sorted()}}
	}
	if len(a.roles) > 0 {
		allow("AssumeReaders", "sts:AssumeRole", a.roles.sorted()...)
	}
	return all
}

func (a *awsIdentity) notes(o AWSOptions) []string {
	var notes []string
	if a.anyRegion {
		notes = append(notes, "no region is known, so any is allowed: --region, or region: in the block of the provider")
	}
	if a.anyAccount {
		notes = append(notes, "the account is not known, so any is allowed: --account NUMBER")
	}
	if len(o.Keys) == 0 && len(a.secrets)+len(a.parameters) > 0 {
		notes = append(notes, "secrets under a KMS key of your own need kms:Decrypt too: --kms-key ARN")
	}
	return notes
}

func iamText(statements []iamStatement) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(iam{Version: "2012-10-17", Statement: statements}) //nolint:errcheck // texts alone
	return b.String()
}

package bench

import (
	"crypto/ed25519"
	"errors"
	"math"
	"testing"

	"secstream/pkg/identity"
	"secstream/pkg/seal"
)

func checkV2(t *testing.T, v V2) {
	t.Helper()
	all := []Versus{v.Exchange, v.Server}
	least := math.Inf(1)
	for _, s := range v.Slices {
		all = append(all, s.Pack, s.Unpack, s.First)
		least = min(least, s.Pack.Ratio.Median, s.Unpack.Ratio.Median)
	}
	for i, f := range all {
		if !good(f.V1) || !good(f.V2) || !good(f.Ratio) || f.V1.Rounds != f.V2.Rounds {
			t.Errorf("%d: %+v", i, f)
		}
	}
	if v.Target != TargetV2 || v.Least.Median != least || v.Met != (least >= TargetV2) {
		t.Errorf("%+v of %v, met: %v; want %v", v.Least, v.Target, v.Met, least)
	}
}

func TestJudge(t *testing.T) {
	slices := func(pack, unpack float64) V2Slices {
		return V2Slices{Pack: Versus{Ratio: Stat{Median: pack}}, Unpack: Versus{Ratio: Stat{Median: unpack}}}
	}
	for _, c := range []struct {
		slices []V2Slices
		least  float64
		met    bool
	}{
		{nil, 0, false},
		{[]V2Slices{slices(1.2, 0.95)}, 0.95, true},
		{[]V2Slices{slices(0.97, 1), slices(0.98, 0.94)}, 0.94, false},
		{[]V2Slices{slices(0.9, 1), slices(2, 2)}, 0.9, false},
	} {
		v := V2{Slices: c.slices}
		v.judge()
		if v.Least.Median != c.least || v.Met != c.met || (v.Target > 0) != (len(c.slices) > 0) {
			t.Errorf("%+v", v)
		}
	}
}

// Both ends of an exchange by protocol v2 hold one key, and nobody else is
// taken for the server.
func TestExchangeV2(t *testing.T) {
	id, err := identity.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	server, client, err := exchangeV2(id)
	if err != nil {
		t.Fatal(err)
	}
	sealed := server.Seal(append(make([]byte, server.Head()), "slice"...), 0, []byte("bound"))
	if plain, err := client.Open(sealed, []byte("bound")); err != nil || string(plain) != "slice" {
		t.Errorf("%q %v", plain, err)
	}
	if _, _, err := exchangeV2(&changing{Identity: id}); !errors.Is(err, errStranger) {
		t.Errorf("another server: %v", err)
	}
}

// changing is another identity each time it is asked.
type changing struct {
	*identity.Identity
	asked int
}

func (c *changing) Public() ed25519.PublicKey {
	c.asked++
	return append(c.Identity.Public()[:31], byte(c.asked))
}

func BenchmarkExchange(b *testing.B) {
	id, err := identity.Ephemeral()
	if err != nil {
		b.Fatal(err)
	}
	for name, by := range map[string]exchanger{"v1": exchange, "v2": func() (server, client *seal.Box, err error) { return exchangeV2(id) }} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := by(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Draws what "tmux capture-pane -e" printed as SVG: picture.mjs COLUMNS LINES <text >svg
// Blocks and rules are drawn as shapes, so that they join whatever the font.
const [columns, lines] = process.argv.slice(2, 4).map(Number);
const W = 9, H = 19, PAD = 18, FONT = 15, INK = '#d8dee8', GROUND = '#12161c';
const BASIC = ['#1b2027', '#e06c75', '#98c379', '#e5c07b', '#61afef', '#c678dd', '#56b6c2', '#c8ccd4',
  '#5c6370', '#ff7a85', '#b5e890', '#ffd68a', '#82c4ff', '#e09bf5', '#7fdbe6', '#ffffff'];

function indexed(n) {
  if (n < 16) return BASIC[n];
  if (n >= 232) return rgb(...Array(3).fill(8 + (n - 232) * 10));
  const part = (k) => [0, 95, 135, 175, 215, 255][Math.floor((n - 16) / k) % 6];
  return rgb(part(36), part(6), part(1));
}

function rgb(...parts) {
  return '#' + parts.map((v) => v.toString(16).padStart(2, '0')).join('');
}

function sgr(style, codes) {
  for (let i = 0; i < codes.length; i++) {
    const c = codes[i];
    if (c === 0) Object.assign(style, { fg: null, bg: null, bold: false, reverse: false });
    else if (c === 1) style.bold = true;
    else if (c === 22) style.bold = false;
    else if (c === 7) style.reverse = true;
    else if (c === 27) style.reverse = false;
    else if (c === 39) style.fg = null;
    else if (c === 49) style.bg = null;
    else if (c >= 30 && c <= 37) style.fg = BASIC[c - 30];
    else if (c >= 40 && c <= 47) style.bg = BASIC[c - 40];
    else if (c >= 90 && c <= 97) style.fg = BASIC[c - 82];
    else if (c >= 100 && c <= 107) style.bg = BASIC[c - 92];
    else if (c === 38 || c === 48) {
      const colour = codes[i + 1] === 2 ? rgb(...codes.slice(i + 2, i + 5)) : indexed(codes[i + 2]);
      style[c === 38 ? 'fg' : 'bg'] = colour;
      i += codes[i + 1] === 2 ? 4 : 2;
    }
  }
}

const wide = (p) => (p >= 0x1100 && p <= 0x115f) || (p >= 0x2e80 && p <= 0xa4cf) || (p >= 0xac00 && p <= 0xd7a3) ||
  (p >= 0xf900 && p <= 0xfaff) || (p >= 0xfe30 && p <= 0xfe6f) || (p >= 0xff00 && p <= 0xff60) || (p >= 0x1f300 && p <= 0x1faff);

// cells of one line: { text, width, fg, bg, bold }.
function cells(line, style) {
  const list = [];
  const token = /\x1b\[([0-9;:]*)m|\x1b[^m]*m|([\s\S])/gu;
  for (const [, codes, letter] of line.matchAll(token)) {
    if (codes !== undefined) sgr(style, codes === '' ? [0] : codes.split(/[;:]/).map(Number));
    if (letter === undefined) continue;
    if (/\p{M}/u.test(letter) && list.length) { list.at(-1).text += letter; continue; }
    let { fg, bg } = style;
    if (style.reverse) [fg, bg] = [bg ?? GROUND, fg ?? INK];
    list.push({ text: letter, width: wide(letter.codePointAt(0)) ? 2 : 1, fg: fg ?? INK, bg, bold: style.bold });
  }
  return list;
}

const rect = (x, y, w, h, fill, more = '') => `<rect x="${+x.toFixed(2)}" y="${+y.toFixed(2)}" width="${+w.toFixed(2)}" height="${+h.toFixed(2)}" fill="${fill}"${more}/>`;

// shape draws a block or a rule, null for what is text.
function shape(p, x, y, n, fill) {
  const w = n * W;
  if (p === 0x2588) return rect(x, y, w, H, fill);
  if (p === 0x2580) return rect(x, y, w, H / 2, fill);
  if (p >= 0x2581 && p <= 0x2587) return rect(x, y + H * (1 - (p - 0x2580) / 8), w, H * (p - 0x2580) / 8, fill);
  if (p >= 0x2589 && p <= 0x258f && n === 1) return rect(x, y, W * (0x2590 - p) / 8, H, fill);
  if (p >= 0x2591 && p <= 0x2593) return rect(x, y + 2, w, H - 4, fill, ` opacity="${[0.4, 0.6, 0.85][p - 0x2591]}"`);
  if (p === 0x2500) return rect(x, y + H / 2 - 0.5, w, 1, fill);
  if (p === 0x2501) return rect(x, y + H / 2 - 1, w, 2, fill);
  if (p === 0x2578 && n === 1) return rect(x, y + H / 2 - 1, W / 2, 2, fill);
  return null;
}

const escape = (s) => s.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

function draw(list, row) {
  const out = [], y = PAD + row * H;
  let x = PAD;
  for (let i = 0; i < list.length;) {
    const c = list[i], first = c.text.codePointAt(0), drawn = shape(first, 0, 0, 1, '') !== null;
    let j = i + 1, width = c.width;
    for (; j < list.length; j++) {
      const d = list[j];
      const same = d.fg === c.fg && d.bg === c.bg && d.bold === c.bold && c.width === 1 && d.width === 1;
      const p = d.text.codePointAt(0);
      if (!same || (drawn ? p !== first : shape(p, 0, 0, 1, '') !== null)) break;
      width += d.width;
    }
    const text = list.slice(i, j).map((d) => d.text).join('');
    if (c.bg) out.push(rect(x, y, width * W, H, c.bg));
    if (drawn) out.push(shape(first, x, y, width, c.fg));
    else if (text.trim()) {
      const lead = text.length - text.trimStart().length, words = text.trim();
      const span = (c.width === 2 ? 2 : [...words.replace(/\p{M}/gu, '')].length) * W;
      out.push(`<text x="${x + lead * W}" y="${y + H - 5}" fill="${c.fg}" textLength="${span}"${c.bold ? ' font-weight="bold"' : ''}>${escape(words)}</text>`);
    }
    x += width * W;
    i = j;
  }
  return out.join('');
}

let text = '';
for await (const part of process.stdin) text += part;
const style = { fg: null, bg: null, bold: false, reverse: false };
const rows = text.replace(/\n$/, '').split('\n').slice(0, lines).map((l, i) => draw(cells(l, style), i));
const width = columns * W + 2 * PAD, height = lines * H + 2 * PAD;
process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">` +
  `<rect width="${width}" height="${height}" rx="10" fill="${GROUND}"/>` +
  `<g font-family="ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Noto Sans Mono CJK JP', monospace" font-size="${FONT}" xml:space="preserve" shape-rendering="crispEdges">\n` +
  rows.filter(Boolean).join('\n') + '\n</g></svg>\n');

// What was changed in a text, word by word: the longest common run of words stays, the rest went or came.

const MOST_COMPARED = 1_000_000;

/** [["stayed" | "went" | "came", text], …]; put together, stayed and went are the text before, stayed and came the one after. */
export function wordDifference(before, after) {
  const [old, fresh] = [wordsOf(before), wordsOf(after)];
  let start = 0;
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start += 1;
  let end = 0;
  while (end < Math.min(old.length, fresh.length) - start && old.at(-1 - end) === fresh.at(-1 - end)) end += 1;
  const middle = betweenAlike(old.slice(start, old.length - end), fresh.slice(start, fresh.length - end));
  return joined([...old.slice(0, start).map(stayed), ...middle, ...old.slice(old.length - end).map(stayed)]);
}

const wordsOf = (text) => text.match(/\s+|[^\s]+/g) ?? [];
const stayed = (word) => ["stayed", word];
const went = (word) => ["went", word];
const came = (word) => ["came", word];

/** The comparison takes time and room with the product of both lengths: of very long changes all went, and all came. */
function betweenAlike(old, fresh) {
  if (old.length * fresh.length > MOST_COMPARED) return [...old.map(went), ...fresh.map(came)];
  const lengths = commonLengths(old, fresh);
  const parts = [];
  let [at, other] = [0, 0];
  while (at < old.length && other < fresh.length) {
    if (old[at] === fresh[other]) parts.push(stayed(old[at++])), other += 1;
    else if (lengths[at + 1][other] >= lengths[at][other + 1]) parts.push(went(old[at++]));
    else parts.push(came(fresh[other++]));
  }
  return [...parts, ...old.slice(at).map(went), ...fresh.slice(other).map(came)];
}

/** How many words two rests of the texts have in common, in order. */
function commonLengths(old, fresh) {
  const lengths = Array.from({ length: old.length + 1 }, () => new Uint32Array(fresh.length + 1));
  for (let at = old.length - 1; at >= 0; at -= 1) {
    for (let other = fresh.length - 1; other >= 0; other -= 1) {
      lengths[at][other] = old[at] === fresh[other] ? lengths[at + 1][other + 1] + 1 : Math.max(lengths[at + 1][other], lengths[at][other + 1]);
    }
  }
  return lengths;
}

/** Neighbours of one kind become one part. */
function joined(parts) {
  const made = [];
  for (const [kind, text] of parts) {
    if (made.at(-1)?.[0] === kind) made.at(-1)[1] += text;
    else made.push([kind, text]);
  }
  return made;
}

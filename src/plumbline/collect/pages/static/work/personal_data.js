// Text that looks like personal data. A warning, not a proof: it asks the writer, and errs on the side of asking.
//
// Every repetition below has a most, and begins where nothing of its own kind stands before it: the time stays in proportion to
// the length of the text, whatever somebody pastes.

const KINDS = [
  ["an e-mail address", /(?<![\p{L}\d._%+-])[\p{L}\d._%+-]{1,64}@[\p{L}\d-]{1,63}(?:\.[\p{L}\d-]{1,63}){1,8}/gu],
  ["a phone number", /(?<![\p{L}\d+])(?:\+|00)\(?[1-9](?:[\s().\/-]{0,3}\d){6,13}(?!\d)/gu],
  ["a phone number", /(?<![\p{L}\d.,\/-])\(?0\d{1,4}\)?(?:[\s.\/-]{0,3}\d){5,10}(?![\d.,]\d|\d)/gu],
  ["a phone number", /(?<![\p{L}\d.,-])(?:1[\s.-])?\(?[2-9]\d{2}\)?[\s.-]{0,2}[2-9]\d{2}[\s.-]\d{4}(?![\d-])/gu],
  ["the number of a bank account", /(?<![\p{L}\d])[A-Z]{2}\d{2}(?: ?[A-Z\d]){11,30}(?![\p{L}\d])/giu, isAccount],
  ["the number of a payment card", /(?<![\p{L}\d])\d(?:[ -]?\d){12,18}(?![\p{L}\d])/gu, isCard],
  ["a social security number", /(?<![\p{L}\d-])\d{3}-\d{2}-\d{4}(?![\p{L}\d-])/gu],
  ["an internet address of a machine", /(?<![\p{L}\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\p{L}\d]|\.\d)/gu, isOfSomebody],
];

const MOST_CANDIDATES = 500;

/** What a text looks as if it held, in words. */
export function kindsOfPersonalData(text) {
  return [...new Set(KINDS.filter(([, pattern, isMeant]) => holds(text, pattern, isMeant)).map(([kind]) => kind))];
}

function holds(text, pattern, isMeant = () => true) {
  let candidates = 0;
  for (const [match] of text.matchAll(pattern)) {
    if (isMeant(match)) return true;
    if ((candidates += 1) === MOST_CANDIDATES) return false;
  }
  return false;
}

/** Whether digits pass the check of payment cards (Luhn). */
function isCard(match) {
  const digits = [...match.replace(/\D/g, "")].reverse().map(Number);
  const sum = digits.reduce((all, digit, at) => all + (at % 2 ? (digit * 2 > 9 ? digit * 2 - 9 : digit * 2) : digit), 0);
  return sum % 10 === 0 && new Set(digits).size > 1;
}

/** Whether a beginning of the match passes the check of bank accounts (ISO 13616: modulo 97); words may follow it. */
function isAccount(match) {
  const signs = match.replaceAll(" ", "").toUpperCase();
  for (let length = 15; length <= Math.min(34, signs.length); length += 1) {
    const turned = signs.slice(4, length) + signs.slice(0, 4);
    let rest = 0;
    for (const sign of turned) for (const digit of String(Number.parseInt(sign, 36))) rest = (rest * 10 + Number(digit)) % 97;
    if (rest === 1) return true;
  }
  return false;
}

/** Addresses inside of networks, which everybody has, name nobody. */
function isOfSomebody(match) {
  return !/^(?:0|10|127|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01]))\./.test(match);
}

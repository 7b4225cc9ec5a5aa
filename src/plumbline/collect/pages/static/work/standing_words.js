// How far somebody is in a study, in a few words.

/** In the bar of the work page; in training and on a visit it says how much is to come. */
export function progressOf(told, queue = "work") {
  if (queue === "work" && told.training_items_left) return `Training: ${told.training_items_left} to go`;
  const done = queue === "work" ? told.finished : told.submitted[queue] ?? 0;
  const toGo = queue === "work" && told.next_items_to_completion;
  return toGo ? `${done} done, ${toGo} to go` : `${done} done`;
}

const OTHER_WORK = [["review", "reviewed"], ["adjudication", "ruled"], ["spot_check", "checked"]];

/** On the pages about studies. */
export function standingInWords(told) {
  const parts = told.finished ? [`You have finished ${told.finished}`] : [];
  for (const [queue, did] of OTHER_WORK) if (told.submitted[queue]) parts.push(`${parts.length ? "" : "You have "}${did} ${told.submitted[queue]}`);
  const sentences = parts.length ? [`${parts.join(", ")}.`] : [];
  if (told.completion) sentences.push(`Your visit is complete; the code is ${told.completion.code}.`);
  else if (told.over) sentences.push("There is nothing more for you here.");
  else if (told.training_items_left) sentences.push(`${told.training_items_left} training ${told.training_items_left === 1 ? "item comes" : "items come"} first.`);
  else if (told.next_items_to_completion) sentences.push(`${told.next_items_to_completion} more, and your visit is complete.`);
  return sentences.join(" ") || "Not begun yet.";
}

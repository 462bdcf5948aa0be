// Options of a select element.

export function fill(select, values, names = values) {
  select.replaceChildren(...values.map((value, index) => new Option(names[index], value)));
}

// The record page works without this file; it adds a drawer, keys, paging on scroll and a search box.

const $ = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const words = document.body.dataset;
const drawer = $('#drawer');
let opener = null;
let asked = 0;

/** The URL of the same thing without its page around it. */
function part(href, name = '1') {
  const url = new URL(href, location.href);
  url.searchParams.set('part', name);
  return url;
}

/** HTML of our own server; throws when it does not answer with a part. */
async function load(url, options) {
  const answer = await fetch(url, { credentials: 'same-origin', ...options });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.text();
}

/** Show a part in the drawer; a later request wins over an earlier one that is still under way. */
async function show(url, from, options) {
  const number = ++asked;
  const body = $('#drawer-body');
  if (drawer.hidden) opener = from;
  body.textContent = words.loading;
  drawer.hidden = false;
  drawer.scrollTop = 0;
  drawer.focus();
  try {
    const html = await load(url, options);
    if (number !== asked) return;
    body.innerHTML = html;
    const heading = $('h2', body);
    drawer.setAttribute('aria-label', heading ? heading.textContent.trim() : '');
    if (heading) heading.focus();
  } catch {
    if (number === asked) body.textContent = words.failed;
  }
}

function close() {
  if (!drawer || drawer.hidden) return false;
  asked += 1;
  drawer.hidden = true;
  $('#drawer-body').textContent = '';
  if (opener && opener.isConnected) opener.focus();
  opener = null;
  return true;
}

async function more(link) {
  if (link.dataset.busy) return;
  link.dataset.busy = '1';
  const item = link.closest('li');
  try {
    const html = await load(part(link.href, 'rows'));
    item.insertAdjacentHTML('beforebegin', html);
    item.remove();
    watch();
  } catch {
    delete link.dataset.busy;
  }
}

const seen = 'IntersectionObserver' in window
  ? new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) more(entry.target);
  }, { rootMargin: '600px' })
  : null;

function watch() {
  if (seen) for (const link of all('[data-more]')) seen.observe(link);
}

/** Search needs every row of the filter; they are fetched once. */
async function search(box) {
  for (let link = $('[data-more]'); box.value && link; link = $('[data-more]')) {
    seen?.unobserve(link);
    const url = part(link.href, 'rows');
    url.searchParams.set('size', 'all');
    const html = await load(url);
    if (!link.isConnected) continue;
    link.closest('li').insertAdjacentHTML('beforebegin', html);
    link.closest('li').remove();
  }
  const wanted = box.value.trim().toLowerCase();
  for (const row of all('#rows > .row')) {
    row.hidden = Boolean(wanted) && !row.textContent.toLowerCase().includes(wanted)
      && !row.dataset.initials.startsWith(wanted);
  }
}

/** Move the focus from row to row. */
function step(by) {
  const rows = all('#rows > .row:not([hidden]) .open');
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement);
  const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))];
  next.focus();
  next.closest('.row').scrollIntoView({ block: 'nearest' });
}

const keys = {
  j: () => step(1),
  k: () => step(-1),
  a: () => $('[data-key="a"]')?.click(),
  t: () => $('[data-trend]')?.click(),
  '/': () => $('#search')?.focus(),
  '?': () => $('#help')?.showModal(),
};
for (const number of ['1', '2', '3']) keys[number] = () => $(`[data-key="${number}"]`)?.click();

document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') {
    if (close()) event.preventDefault();
    else if (event.target.id === 'search') event.target.blur();
    return;
  }
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (typing || event.ctrlKey || event.metaKey || event.altKey || $('dialog[open]')) return;
  const action = keys[event.key];
  if (action && $('#rows')) {
    event.preventDefault();
    action();
  }
});

document.addEventListener('click', (event) => {
  const link = event.target.closest('a');
  if (event.target.closest('[data-close]')) close();
  else if (event.target.closest('[data-print]')) window.print();
  else if (event.target.closest('[data-help]')) $('#help').showModal();
  else if (link && drawer && 'open' in link.dataset && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    show(part(link.href), link);
  } else if (link && 'more' in link.dataset) {
    event.preventDefault();
    more(link);
  }
});

document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!drawer || !('drawer' in form.dataset)) return;
  event.preventDefault();
  show(part(form.action), form.querySelector('button'), { method: 'POST' });
});

for (const button of all('[data-print], [data-help]')) button.hidden = false;
for (const form of all('.orgs')) {
  form.querySelector('button').hidden = true;
  form.querySelector('select').addEventListener('change', () => form.submit());
}
const box = $('#search');
if (box) {
  box.closest('label').hidden = false;
  let timer = 0;
  box.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => search(box), 120);
  });
}
if (location.hash === '' && $('#help') && !$('#rows')) $('[data-help]')?.setAttribute('hidden', '');
watch();

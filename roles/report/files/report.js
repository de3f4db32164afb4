// Draws the report from the JSON in the page. Texts become text nodes, never markup: nothing here parses HTML.
'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const conditions = new Map(Object.entries(data.summary.conditions));
  const byId = (id) => document.getElementById(id);
  const PAGE = 400;
  const CHIPS = 12;
  const SHOWN_DRIFT = 5;
  // Maps, as a host may use any word: an object has a constructor before anybody puts it there.
  const CONDITIONS = new Map([
    ['unreachable', { label: 'unreachable', mark: '–' }],
    ['failed', { label: 'failed', mark: '✕' }],
    ['no_facts', { label: 'without facts', mark: '?' }],
    ['incomplete', { label: 'incomplete', mark: '…' }],
    ['drift', { label: 'with drift', mark: '!' }],
    ['ok', { label: 'in order', mark: '✓' }],
  ]);
  const ADVICE = new Map([
    ['missing', 'It is held but not mounted. Acquiring it again or a reconcile mounts it.'],
    ['replaced', 'Something else stands there. Look at who mounted it; nothing here touches it.'],
    ['options_changed', 'Somebody remounted it. Release and acquire it to get what was asked for.'],
    ['stacked', 'Another mount lies on it. Unmount that one by hand.'],
    ['unhealthy', 'The kernel has stopped it after an error. Look at the kernel log, release it, check it, acquire it.'],
    ['orphaned', 'Nobody holds it any longer. A reconcile unmounts it.'],
    ['deferred', 'It was busy when its last holder left. A reconcile unmounts it once it is free.'],
    ['expired', 'A lease has ended. A reconcile drops it, and unmounts when it was the last.'],
    ['interrupted', 'An operation ended in the middle. The next one there, or a reconcile, finishes it.'],
    ['untrusted', 'No ledger in order names this path. Find out who answers for this host.'],
    ['unreachable', 'Nothing is known of this host. What it holds is not in this report.'],
    ['failed', 'The host answered with an error. What it holds is not in this report.'],
    ['no_facts', 'The host was not asked in this run, because it had failed before.'],
    ['incomplete', 'Run safe_mount_facts on the host and look. No host in order has so much to tell.'],
  ]);

  // --- Elements and words ---

  function put(parent, tag, text, className) {
    const element = document.createElement(tag);
    if (text !== undefined && text !== null) element.textContent = String(text);
    if (className) element.className = className;
    if (parent) parent.append(element);
    return element;
  }
  // A long name breaks after its separators rather than anywhere.
  function putName(parent, tag, text, className) {
    const element = put(parent, tag, null, className);
    for (const part of text.split(/(?<=[/.:@=-])/)) element.append(part, document.createElement('wbr'));
    return element;
  }
  function draw(parent, tag, attributes, text) {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }
  const collator = new Intl.Collator('en', { numeric: true });
  function compare(left, right) {
    if (typeof left === 'number' && typeof right === 'number') return left - right;
    return collator.compare(String(left), String(right));
  }
  const count = (number, one, many) => `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
  function span(seconds) {
    const units = [[86400, 'd'], [3600, 'h'], [60, 'min']];
    for (const [size, name] of units) {
      if (Math.abs(seconds) >= size) return `${Math.floor(Math.abs(seconds) / size).toLocaleString('en')} ${name}`;
    }
    return `${Math.abs(seconds)} s`;
  }
  const lease = (left) => (left > 0 ? `${span(left)} left` : `ended ${span(left)} ago`);
  const kindOf = (state) => (state === 'ok' || state === 'unknown' ? 'ok' : CONDITIONS.has(state) ? state : 'drift');
  function putState(parent, state) {
    const badge = put(parent, 'span', state.replace(/_/g, ' '), `state ${kindOf(state)}`);
    badge.dataset.mark = CONDITIONS.get(kindOf(state)).mark;
    return badge;
  }
  function putChips(parent, chips) {
    const box = put(parent, 'div', null, 'chips');
    for (const chip of chips.slice(0, CHIPS)) {
      const element = put(box, 'span', chip.name, 'chip');
      if (chip.times > 1) put(element, 'span', ` ×${chip.times}`, 'times');
      if (chip.since) element.title = `since ${chip.since}${chip.expires ? `, lease until ${chip.expires}` : ''}`;
    }
    putRest(box, 'span', chips.length - CHIPS);
  }
  function putDrift(parent, drifts) {
    for (const drift of drifts.slice(0, SHOWN_DRIFT)) put(parent, 'div', drift.message, 'why');
    putRest(parent, 'div', drifts.length - SHOWN_DRIFT);
  }
  function putRest(parent, tag, number) {
    if (number > 0) put(parent, tag, `and ${count(number, 'more', 'more')}`, 'soft');
  }

  // --- Rows ---

  const searchable = (...parts) => parts.join('\n').toLowerCase();
  const rows = [];
  for (const host of data.hosts) {
    for (const mount of host.mounts) {
      rows.push({
        host: host.name, ...mount, is: 'mount',
        find: searchable(host.name, mount.mount, mount.source, mount.fstype, mount.state, ...mount.holders.map((h) => h.name)),
      });
    }
    if (host.mounts.length === 0 || host.status !== 'ok') {
      const state = host.status === 'ok' ? 'ok' : host.status;
      const message = host.message || (state === 'ok' ? 'Nothing is held here.' : ADVICE.get(state));
      rows.push({
        host: host.name, mount: '', source: '', fstype: '', holders: [], drift: [], state, message, is: 'host',
        find: searchable(host.name, state, message),
      });
    }
  }
  for (const source of data.sources) {
    const times = new Map();
    for (const use of source.uses) for (const name of use.holders) times.set(name, (times.get(name) || 0) + 1);
    source.chips = [...times].map(([name, number]) => ({ name, times: number })).sort((a, b) => b.times - a.times || compare(a.name, b.name));
    source.states = new Set(source.uses.map((use) => use.state));
    source.find = searchable(source.source, source.fstype, ...times.keys(), ...source.uses.flatMap((use) => [use.host, use.mount]));
  }
  const troubled = rows.filter((row) => kindOf(row.state) !== 'ok');

  // --- Tables ---

  const names = (row) => row.holders.map((holder) => holder.name).join(' ');
  const LISTS = {
    mounts: {
      title: 'Mounts', nouns: ['row', 'rows'], rows, row: mountRow, key: 0, up: true,
      columns: [
        { label: 'Host', value: (row) => row.host },
        { label: 'Mount point', value: (row) => row.mount || null },
        { label: 'Source', value: (row) => row.source || null },
        { label: 'Type', value: (row) => row.fstype || null },
        { label: 'Holders', value: (row) => (row.is === 'host' ? null : row.holders.length) },
        { label: 'Age', value: (row) => row.age ?? null, num: true },
        { label: 'Lease', value: (row) => row.left ?? null, num: true },
        { label: 'State', value: (row) => [...CONDITIONS.keys()].indexOf(kindOf(row.state)) },
      ],
    },
    sources: {
      title: 'Sources', nouns: ['source', 'sources'], rows: data.sources, row: sourceRow, key: null, up: true,
      columns: [
        { label: 'Source', value: (row) => row.source },
        { label: 'Type', value: (row) => row.fstype },
        { label: 'Hosts', value: (row) => row.host_count, num: true },
        { label: 'Holders', value: (row) => row.holder_count, num: true },
        { label: 'Who needs it', value: (row) => (row.chips[0] || { name: '' }).name },
      ],
    },
    attention: {
      title: 'Attention', nouns: ['thing to look at', 'things to look at'], rows: troubled, row: troubleRow, key: 0, up: true,
      columns: [
        { label: 'Host', value: (row) => row.host },
        { label: 'Mount point', value: (row) => row.mount || null },
        { label: 'What', value: (row) => row.state },
        { label: 'What to do', value: (row) => ADVICE.get(row.state) || '' },
      ],
    },
  };

  function mountRow(row, line, previous) {
    if (previous && previous.host === row.host) line.className = 'same';
    putName(line, 'th', row.host, 'host').scope = 'row';
    if (row.is === 'host') {
      const cell = put(line, 'td', row.message, 'soft');
      cell.colSpan = 6;
      putState(put(line, 'td'), row.state);
      return;
    }
    const place = putName(line, 'td', row.mount, 'path');
    putDrift(place, row.drift);
    putName(line, 'td', row.source, 'path');
    put(line, 'td', row.fstype);
    const holders = put(line, 'td', row.holders.length ? null : row.managed ? 'nobody' : 'not managed', 'soft');
    if (row.holders.length) putChips(holders, row.holders);
    put(line, 'td', row.age === null ? '' : span(row.age), 'num');
    put(line, 'td', row.left === null ? '' : lease(row.left), row.left !== null && row.left <= 0 ? 'num over' : 'num');
    putState(put(line, 'td'), row.state);
  }
  function sourceRow(row, line) {
    const head = putName(line, 'th', row.source, 'path');
    head.scope = 'row';
    if (!row.shared && row.host_count > 1) put(head, 'span', 'each host has its own', 'scope');
    put(line, 'td', row.fstype);
    put(line, 'td', row.host_count, 'num');
    put(line, 'td', row.holder_count, 'num');
    const cell = put(line, 'td');
    if (row.chips.length) putChips(cell, row.chips);
    if (row.chips.length === 0) put(cell, 'span', 'nobody', 'soft');
    const details = put(cell, 'details');
    put(details, 'summary', `${count(row.uses.length, 'mount point', 'mount points')} on ${count(row.host_count, 'host', 'hosts')}`, 'soft');
    // Three hundred lists of three hundred are made when they are opened, not before.
    const fill = () => {
      if (details.querySelector('ul')) return;
      const list = put(details, 'ul');
      for (const use of row.uses) {
        const item = put(list, 'li', null, 'use');
        putName(item, 'span', use.host);
        putName(item, 'span', use.mount, 'path');
        if (use.holders.length) putChips(item, use.holders.map((name) => ({ name })));
        else put(item, 'span', 'nobody', 'soft');
      }
    };
    details.addEventListener('toggle', fill);
    details.fill = fill;
  }
  function troubleRow(row, line) {
    putName(line, 'th', row.host, 'host').scope = 'row';
    putName(line, 'td', row.mount, 'path');
    const cell = put(line, 'td');
    putState(cell, row.state);
    if (row.message) put(cell, 'div', row.message, 'why');
    putDrift(cell, row.drift);
    put(line, 'td', ADVICE.get(row.state) || 'Run safe_mount_facts on the host and look.', 'soft');
  }

  const inputs = { query: byId('query'), state: byId('state'), type: byId('type') };
  function select(list) {
    const words = inputs.query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const { value: state } = inputs.state;
    const { value: type } = inputs.type;
    const chosen = list.rows.filter((row) => words.every((word) => row.find.includes(word))
      && (!state || row.state === state || (row.states && row.states.has(state)))
      && (!type || row.fstype === type));
    if (list.key === null) return chosen;
    const { value } = list.columns[list.key];
    const host = list.rows === data.sources ? (row) => row.source : (row) => row.host;
    return chosen.sort((left, right) => {
      const [a, b] = [value(left), value(right)];
      // What has no value comes last, whichever way.
      if (a === null || b === null) return (a === null) - (b === null) || compare(host(left), host(right));
      return (list.up ? compare(a, b) : compare(b, a)) || compare(host(left), host(right)) || compare(left.mount || '', right.mount || '');
    });
  }
  function render(name, everything) {
    const list = LISTS[name];
    const panel = byId(`panel-${name}`);
    const chosen = select(list);
    panel.dataset.title = list.title;
    panel.replaceChildren();
    byId(`tab-${name}`).querySelector('.count').textContent = chosen.length.toLocaleString('en');
    list.chosen = chosen.length;
    if (chosen.length === 0) {
      put(panel, 'p', list.rows.length ? 'Nothing matches the filter.' : name === 'attention' ? 'Nothing needs attention.' : 'Nothing is held.', 'none');
      return;
    }
    const table = put(panel, 'table');
    put(table, 'caption', list.title);
    const heads = put(put(table, 'thead'), 'tr');
    list.columns.forEach((column, index) => {
      const head = put(heads, 'th', null, column.num ? 'num' : '');
      head.scope = 'col';
      const isKey = list.key === index;
      if (isKey) head.setAttribute('aria-sort', list.up ? 'ascending' : 'descending');
      const button = put(head, 'button', column.label);
      button.type = 'button';
      put(button, 'span', isKey ? (list.up ? '↑' : '↓') : '', 'arrow').setAttribute('aria-hidden', 'true');
      button.addEventListener('click', () => {
        list.up = isKey ? !list.up : true;
        list.key = index;
        render(name, everything);
        byId(`panel-${name}`).querySelectorAll('thead button')[index].focus();
      });
    });
    const body = put(table, 'tbody');
    const shown = everything ? chosen : chosen.slice(0, PAGE);
    shown.forEach((row, index) => list.row(row, put(body, 'tr'), shown[index - 1]));
    if (shown.length < chosen.length) {
      const button = put(panel, 'button', `Show all ${chosen.length.toLocaleString('en')}`, 'plain more');
      button.type = 'button';
      button.addEventListener('click', () => render(name, true));
    }
  }
  const tabs = Object.keys(LISTS);
  let current = 'mounts';
  function show(name) {
    current = name;
    for (const each of tabs) {
      const tab = byId(`tab-${each}`);
      tab.setAttribute('aria-selected', String(each === name));
      tab.tabIndex = each === name ? 0 : -1;
      byId(`panel-${each}`).hidden = each !== name;
    }
    tell();
  }
  function tell() {
    const { chosen, rows: all, nouns } = LISTS[current];
    const total = count(all.length, ...nouns);
    byId('found').textContent = chosen === all.length ? total : `${chosen.toLocaleString('en')} of ${total}`;
  }
  function update() {
    for (const name of tabs) render(name);
    tell();
  }

  // --- Overview ---

  function drawFleet() {
    const total = data.hosts.length;
    const parts = [...CONDITIONS.keys()].filter((name) => conditions.get(name));
    const width = 640;
    const size = total <= 12 ? 44 : total <= 60 ? 26 : total <= 400 ? 15 : 9;
    const gap = size > 20 ? 6 : size > 10 ? 3.4 : 2;
    const columns = Math.floor((width + gap) / (size + gap));
    const top = 30;
    const height = top + Math.ceil(total / columns) * (size + gap);
    const svg = draw(byId('fleet'), 'svg', { viewBox: `0 0 ${width} ${Math.max(height, top)}`, role: 'img', 'aria-labelledby': 'fleet-words' });
    draw(svg, 'title', { id: 'fleet-words' }, parts.map((name) => `${count(conditions.get(name), 'host', 'hosts')} ${CONDITIONS.get(name).label}`).join(', ') || 'No hosts');
    let x = 0;
    for (const name of parts) {
      const part = (conditions.get(name) / Math.max(total, 1)) * width;
      draw(svg, 'rect', { x, y: 0, width: Math.max(part - 2, 1.5), height: 12, rx: 2, class: name });
      x += part;
    }
    let index = 0;
    for (const name of parts) {
      for (const host of data.hosts.filter((each) => each.condition === name)) {
        const [left, down] = [(index % columns) * (size + gap), top + Math.floor(index / columns) * (size + gap)];
        const cell = draw(svg, 'rect', { x: left, y: down, width: size, height: size, rx: size / 6, class: name });
        draw(cell, 'title', {}, `${host.name}: ${CONDITIONS.get(name).label}`);
        if (name !== 'ok' && size > 10) {
          draw(svg, 'text', { x: left + size / 2, y: down + size / 2, class: 'mark', 'font-size': size * 0.66, 'pointer-events': 'none' }, CONDITIONS.get(name).mark);
        }
        index += 1;
      }
      const item = put(byId('legend'), 'li');
      const badge = put(item, 'span', `${CONDITIONS.get(name).label} `, `state ${name}`);
      badge.dataset.mark = CONDITIONS.get(name).mark;
      put(badge, 'b', conditions.get(name).toLocaleString('en'));
    }
  }
  function drawTypes() {
    const sorted = Object.entries(data.summary.types).sort((a, b) => b[1] - a[1] || compare(a[0], b[0]));
    const rest = sorted.slice(6).reduce((sum, each) => sum + each[1], 0);
    const bars = rest ? [...sorted.slice(0, 6), ['other', rest]] : sorted;
    if (bars.length === 0) {
      put(byId('types'), 'p', 'Nothing is held.', 'soft');
      return;
    }
    const most = Math.max(...bars.map((bar) => bar[1]));
    const svg = draw(byId('types'), 'svg', { viewBox: `0 0 380 ${bars.length * 28}`, role: 'img', 'aria-labelledby': 'types-words' });
    draw(svg, 'title', { id: 'types-words' }, bars.map(([name, number]) => `${name}: ${number}`).join(', '));
    bars.forEach(([name, number], index) => {
      const y = index * 28;
      draw(svg, 'text', { x: 0, y: y + 15, class: 'name' }, name.length > 12 ? `${name.slice(0, 11)}…` : name || 'unknown');
      draw(svg, 'rect', { x: 100, y: y + 4, width: 230, height: 14, rx: 3, class: 'track' });
      draw(svg, 'rect', { x: 100, y: y + 4, width: Math.max((number / most) * 230, 3), height: 14, rx: 3, class: 'level' });
      draw(svg, 'text', { x: 380, y: y + 15, class: 'value' }, number.toLocaleString('en'));
    });
  }
  function drawOverview() {
    const { summary } = data;
    byId('title').textContent = data.title;
    const time = byId('generated');
    time.dateTime = data.generated;
    time.textContent = data.generated.replace('T', ' ').replace('Z', ' UTC');
    const off = ['drift', 'incomplete', 'failed', 'unreachable', 'no_facts'].filter((name) => conditions.get(name));
    const good = conditions.get('ok') || 0;
    byId('headline').textContent = summary.hosts === 0 ? 'No hosts were asked.'
      : off.length === 0 ? `${summary.hosts === 1 ? 'The host is' : `All ${summary.hosts.toLocaleString('en')} hosts are`} in order.`
        : `${good.toLocaleString('en')} of ${count(summary.hosts, 'host', 'hosts')} in order; ${off.map((name) => `${conditions.get(name)} ${CONDITIONS.get(name).label}`).join(', ')}.`;
    const ended = summary.leases_ended;
    const tiles = [
      ['Hosts', summary.hosts, ''],
      ['Mount points held', summary.mounts, summary.unmanaged ? `and ${summary.unmanaged} not managed` : ''],
      ['Holders', summary.holders, count(summary.claims, 'claim', 'claims')],
      ['Sources', summary.sources, ''],
      ['Leases', summary.leases, ended ? `${ended} ended` : summary.leases ? 'none ended' : ''],
      ['Need attention', troubled.length, Object.entries(summary.drift).map(([kind, number]) => `${number} ${kind.replace(/_/g, ' ')}`).slice(0, 3).join(', ')],
    ];
    for (const [label, number, note] of tiles) {
      const tile = put(byId('tiles'), 'div', null, 'tile');
      put(tile, 'dt', label);
      put(tile, 'dd', number.toLocaleString('en'));
      if (note) put(tile, 'dd', note, 'note');
    }
  }
  function fillSelect(element, first, values) {
    put(element, 'option', first).value = '';
    for (const value of [...new Set(values)].filter(Boolean).sort(compare)) put(element, 'option', value.replace(/_/g, ' ')).value = value;
  }

  // --- Start ---

  fillSelect(inputs.state, 'any', rows.map((row) => row.state));
  fillSelect(inputs.type, 'any', [...rows, ...data.sources].map((row) => row.fstype));
  drawOverview();
  drawFleet();
  drawTypes();
  byId('tools').addEventListener('submit', (event) => event.preventDefault());
  byId('tools').addEventListener('reset', () => setTimeout(update));
  for (const input of Object.values(inputs)) input.addEventListener('input', update);
  for (const name of tabs) byId(`tab-${name}`).addEventListener('click', () => show(name));
  document.querySelector('[role=tablist]').addEventListener('keydown', (event) => {
    const step = Number(event.key === 'ArrowRight') - Number(event.key === 'ArrowLeft');
    const at = tabs.indexOf(current);
    const next = event.key === 'Home' ? 0 : event.key === 'End' ? tabs.length - 1 : step ? (at + step + tabs.length) % tabs.length : null;
    if (next === null) return;
    event.preventDefault();
    show(tabs[next]);
    byId(`tab-${tabs[next]}`).focus();
  });
  document.addEventListener('keydown', (event) => {
    const isTyping = event.target.matches('input, select, textarea');
    if (event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      inputs.query.focus();
    } else if (event.key === 'Escape') {
      byId('tools').reset();
    }
  });
  window.addEventListener('beforeprint', () => {
    for (const name of tabs) render(name, true);
    for (const details of document.querySelectorAll('details')) {
      details.fill();
      details.open = true;
    }
  });
  window.addEventListener('afterprint', update);
  update();
  show(location.hash === '#attention' || location.hash === '#sources' ? location.hash.slice(1) : 'mounts');
})();

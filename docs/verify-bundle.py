#!/usr/bin/env python3
"""Checks bundles of Countersign offline. Written from docs/log-format.md; shares no code with Countersign.

    verify-bundle.py [--key VKEY]... FILE...      checks each bundle, against your own keys if you give any
    verify-bundle.py --proofs < LINES             checks single proofs, one JSON object a line

Exit code 0: all is proved. 1: something is not. 2: it could not be checked.
Needs Python 3.9 and the package "cryptography" (Debian: python3-cryptography).
"""
import argparse, base64, hashlib, json, math, re, sys

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    sys.exit(print("verify-bundle.py needs the package cryptography", file=sys.stderr) or 2)

FILE_MAX, SIZE_MAX, NOTE_MAX = 4 << 20, 2**63 - 1, 1_000_000
STREAM = re.compile(r"[a-z]+/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ORIGIN = re.compile(r"(countersign/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/(0|[1-9][0-9]*)")
NUMBER = re.compile(r"0|[1-9][0-9]*")
HASH = re.compile(r"[0-9a-f]{64}")


class Refused(Exception):
    """Why a bundle proves nothing."""


def check(holds, otherwise):
    if not holds:
        raise Refused(otherwise)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# --- The tree (RFC 6962, section 2.1) ---

def leaf(event_hash):
    return sha256(b"\0", event_hash)


def node(left, right):
    return sha256(b"\1", left, right)


def left_half(size):
    return 1 << ((size - 1).bit_length() - 1)


def root_by_inclusion(leaf_hash, position, size, proof):
    """The root that an inclusion proof leads to."""
    if size == 1:
        check(not proof, "the proof is too long")
        return leaf_hash
    check(proof, "the proof is too short")
    *below, beside = proof
    half = left_half(size)
    if position < half:
        return node(root_by_inclusion(leaf_hash, position, half, below), beside)
    return node(beside, root_by_inclusion(leaf_hash, position - half, size - half, below))


def roots_by_consistency(old_root, old_size, size, proof, is_whole=True):
    """The old and the new root that a consistency proof leads to."""
    if old_size == size:
        check(len(proof) == (0 if is_whole else 1), "the proof has a wrong length")
        return (old_root, old_root) if is_whole else (proof[0], proof[0])
    check(proof, "the proof is too short")
    *below, beside = proof
    half = left_half(size)
    if old_size <= half:
        old, new = roots_by_consistency(old_root, old_size, half, below, is_whole)
        return old, node(new, beside)
    old, new = roots_by_consistency(old_root, old_size - half, size - half, below, False)
    return node(beside, old), node(beside, new)


def is_included(event_hash, position, size, root, proof):
    return 0 <= position < size and root_by_inclusion(leaf(event_hash), position, size, proof) == root


def is_consistent(old_size, old_root, size, root, proof):
    return 1 <= old_size <= size and roots_by_consistency(old_root, old_size, size, proof) == (old_root, root)


class Tree:
    """Grows to the right; holds only the roots of its complete subtrees."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def append(self, event_hash):
        new, size = leaf(event_hash), self.size
        while size & 1:
            new, size = node(self.peaks.pop(), new), size >> 1
        self.peaks.append(new)
        self.size += 1

    def root(self):
        if not self.peaks:
            return sha256()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node(peak, root)
        return root


# --- Keys and signed notes (C2SP) ---

def unbase64(text):
    try:
        data = base64.b64decode(text.encode(), validate=True)
    except ValueError:
        raise Refused("base64 is malformed")
    check(base64.b64encode(data).decode() == text, "base64 is malformed")
    return data


def is_sound(point):
    """Whether it is a point of Ed25519's curve, and not of small order."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p)
    y = (int.from_bytes(point, "little") & (2**255 - 1)) % p
    u, v = y * y - 1, d * y * y + 1
    if pow(u * v, (p - 1) // 2, p) not in (0, 1):
        return False
    for _ in range(3):  # Doubled three times, a point of small order is the neutral one, whose y is 1.
        x_squared = (y * y - 1) * pow(d * y * y + 1, -1, p)
        y = (y * y + x_squared) * pow(1 - d * x_squared * y * y, -1, p) % p
    return y != 1


def parse_key(text):
    """((name, id), key) of <name>+<id>+<key>."""
    wrong = f"{text!r} is no public key of a log"
    check(text.count("+") >= 2, wrong)
    name, key_id, encoded = text.split("+", 2)
    data = unbase64(encoded)
    check(name and not any(c.isspace() for c in name) and len(data) == 33 and data[0] == 1, wrong)
    check(sha256(name.encode(), b"\n", data)[:4].hex() == key_id and is_sound(data[1:]), wrong)
    return (name, key_id), Ed25519PublicKey.from_public_bytes(data[1:])


def signed_text(note, keys, what):
    """The text of a note, and the names of the known keys that have signed it."""
    check(len(note) <= NOTE_MAX and not re.search(r"[\0-\x09\x0b-\x1f]", note), f"{what} is no note")
    text, parted, signatures = note.rpartition("\n\n")
    check(parted and signatures.endswith("\n"), f"{what} is no note")
    text, lines = text + "\n", signatures[:-1].split("\n")
    check(len(lines) <= 100, f"{what} has too many signatures")
    check(len(set(lines)) == len(lines), f"{what} has a signature twice")
    signers = set()
    for line in lines:
        dash, name, encoded = (line.split(" ", 2) + ["", ""])[:3]
        signature = unbase64(encoded)
        check(dash == "\u2014" and name and "+" not in name and len(signature) >= 5
              and not any(c.isspace() for c in name), f"{what} has a malformed signature")
        signer = (name, signature[:4].hex())
        if signer not in keys:
            continue
        check(signer not in signers, f"{what} is signed twice by one key")
        try:
            keys[signer].verify(signature[4:], text.encode())
        except InvalidSignature:
            raise Refused(f"a signature of {what} is wrong")
        signers.add(signer)
    return text, {name for name, _ in signers}


def read_checkpoint(note, keys):
    """(text, name of the log's keys, size, root)."""
    text, signers = signed_text(note, keys, "the checkpoint")
    lines = text.split("\n")
    check(len(lines) == 4 and lines[3] == "", "the checkpoint is malformed")
    origin = ORIGIN.fullmatch(lines[0])
    check(origin and int(origin[2]) < 2**32, "the checkpoint's origin is malformed")
    check(NUMBER.fullmatch(lines[1]) and int(lines[1]) <= SIZE_MAX, "the checkpoint's size is malformed")
    root = unbase64(lines[2])
    check(len(root) == 32, "the checkpoint's root is malformed")
    check(origin[1] in signers, "no known key has signed the checkpoint")
    return text, origin[1], int(lines[1]), root


# --- The archive ---

def header(name, size):
    head = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"00000000000\0"
    tail = (b"0".ljust(101, b"\0") + b"ustar\00000").ljust(356, b"\0")
    return head + b"%07o\0" % sum(head + b" " * 8 + tail) + tail


def files(archive):
    """(name, content) of each file; the archive has to end behind the last."""
    def read(length):
        data = archive.read(length)
        check(len(data) == length, "the archive is cut off")
        return data
    while (block := read(512)) != bytes(512):
        digits = block[124:135]
        check(re.fullmatch(rb"[0-7]{11}", digits), "the archive is not in the form of bundles")
        name, size = block[:100].rstrip(b"\0"), int(digits, 8)
        check(block == header(name, size), "the archive is not in the form of bundles")
        check(size <= FILE_MAX, "a file is too large")
        content = read(size)
        check(not any(read(-size % 512)), "something is hidden between the files")
        yield name.decode("ascii", "replace"), content
    check(read(512) == bytes(512) and not archive.read(1), "something follows the end of the archive")


# --- JSON ---

def fields_once(pairs):
    fields = dict(pairs)
    check(len(fields) == len(pairs), "two fields have one name")
    return fields


def finite(text):
    check(math.isfinite(float(text)), "a number is too large")
    return int(text) if len(text) < 25 and NUMBER.fullmatch(text) else float(text)


def no_number(text):
    raise Refused(f"{text} is no JSON")


DECODER = json.JSONDecoder(object_pairs_hook=fields_once, parse_int=finite, parse_float=finite, parse_constant=no_number)


def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def parse(text, what):
    try:
        value = DECODER.decode(text)
        dump(value)  # A lone surrogate cannot be encoded.
    except (ValueError, RecursionError) as error:
        raise Refused(f"{what} is no JSON: {error}")
    check(text.count("[") + text.count("{") <= 127 or depth(value) <= 127, f"{what} is nested too deep")
    return value


def depth(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


# --- Events ---

FIELDS = dict(position=int, stream=str, sequence=int, type=str, version=str, recorded_at=str, payload=str,
              metadata=str, hash=str, proof=list, revealed=list)


def has_form(value, fields, optional=()):
    """Whether it is an object of these fields, in this order, of these types."""
    return isinstance(value, dict) and list(value) == [f for f in fields if f in value or f not in optional] and all(
        type(value[name]) is fields[name] for name in value)


def read_event(line, number):
    wrong = f"event {number} is not in its one form"
    try:
        event = parse(line.decode(), f"event {number}")
    except UnicodeDecodeError:
        raise Refused(wrong)
    check(has_form(event, FIELDS, ("proof", "revealed")) and event.get("revealed") != [], wrong)
    revealed, proof = event.get("revealed", []), event.get("proof", [])
    check(all(has_form(shown, dict(pointer=str, salt=str, value=str)) for shown in revealed), wrong)
    hashes = [event["hash"], *proof, *(shown["salt"] for shown in revealed)]
    check(all(isinstance(text, str) and HASH.fullmatch(text) for text in hashes), wrong)
    check(max(event["position"], event["sequence"]) < 2**64 and dump(event) == line, wrong)
    return event


def event_hash(event, previous):
    def sized(text):
        data = text.encode()
        return len(data).to_bytes(8, "big") + data
    texts = [sized(event[name]) for name in ("type", "version", "recorded_at", "payload", "metadata")]
    return sha256(b"countersign/event/v1\0", previous, sized(event["stream"]),
                  event["sequence"].to_bytes(8, "big"), *texts)


def is_personal(value):
    return (isinstance(value, dict) and set(value) == {"commit", "sealed"} and isinstance(value["sealed"], str)
            and isinstance(value["commit"], str) and HASH.fullmatch(value["commit"]) is not None)


def count_personal(value):
    if is_personal(value):
        return 1
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(map(count_personal, inner))


def resolve(pointer, document):
    """What an RFC 6901 pointer names, or None."""
    if not re.fullmatch(r"(/([^~/]|~[01])*)+", pointer):
        return None
    for token in pointer[1:].split("/"):
        if isinstance(document, dict):
            document = document.get(token.replace("~1", "/").replace("~0", "~"))
        elif isinstance(document, list) and NUMBER.fullmatch(token) and int(token) < len(document):
            document = document[int(token)]
        else:
            return None
    return document


def check_personal(event):
    """How many personal fields are shown, and how many there are."""
    document = {name: parse(event[name], f"its {name}") for name in ("payload", "metadata")}
    seen = set()
    for shown in event.get("revealed", []):
        pointer = shown["pointer"]
        field = resolve(pointer, document)
        check(is_personal(field) and pointer not in seen, f"{pointer} is no personal field, or is shown twice")
        seen.add(pointer)
        commit = sha256(bytes.fromhex(shown["salt"]), shown["value"].encode())
        check(commit.hex() == field["commit"], f"{pointer} is not what was hashed")
    return len(seen), count_personal(document["payload"]) + count_personal(document["metadata"])


class Bundle:
    """The checks of a bundle, event by event."""

    def __init__(self, about, checkpoint, keys, head):
        self.stream = about.get("stream")
        self.checkpoint, self.log, self.size, self.root = read_checkpoint(checkpoint, keys)
        self.keys, self.head = keys, head
        self.tree, self.next_position = Tree(), 0
        self.tips = {}  # For each stream, its last sequence and hash in 40 bytes.
        self.events = self.shown = self.personal = 0

    def event(self, line):
        event = read_event(line, self.events + 1)
        try:
            self.check_event(event)
        except Refused as why:
            raise Refused("{stream}, sequence {sequence}, position {position}: ".format(**event) + str(why))
        self.events += 1

    def check_event(self, event):
        stream, sequence, position = event["stream"], event["sequence"], event["position"]
        check(STREAM.fullmatch(stream), "this is no name of a stream")
        check(self.stream in (None, stream), "it is of another stream")
        tip = self.tips.get(stream, bytes(40))
        last, previous = int.from_bytes(tip[:8], "big"), tip[8:]
        check(sequence == last + 1, f"it follows sequence {last}")
        this = event_hash(event, previous)
        check(this.hex() == event["hash"], "its hash does not fit")
        check(position < self.size, "it lies beyond the checkpoint")
        if self.stream is None:
            check("proof" not in event, "it has a proof of its own")
            check(position == self.tree.size, "it does not follow the position before it")
            self.tree.append(this)
        else:
            check("proof" in event, "it has no proof")
            check(position >= self.next_position, "its position is not after that of the event before it")
            proof = [bytes.fromhex(text) for text in event["proof"]]
            check(is_included(this, position, self.size, self.root, proof),
                  "its proof does not lead to the checkpoint's root")
        shown, personal = check_personal(event)
        self.shown, self.personal = self.shown + shown, self.personal + personal
        self.tips[stream], self.next_position = sequence.to_bytes(8, "big") + this, position + 1

    def finish(self):
        if self.stream is None:
            check(self.events == self.size, f"the bundle ends after {self.events} events of {self.size}")
            check(self.tree.root() == self.root, "the events do not lead to the checkpoint's root")
            return
        check(self.events, "the bundle holds no event")
        text, signers = signed_text(self.head, self.keys, "the head")
        check(self.log in signers, "no known key has signed the head")
        tip = self.tips[self.stream]
        last = f"{self.stream}\n{int.from_bytes(tip[:8], 'big')}\n{base64.b64encode(tip[8:]).decode()}\n"
        check(text == "countersign-stream-head/1\n" + self.checkpoint + last,
              "the signed head does not name the bundle's last event as the last of the stream")


def read_cover(archive):
    """What stands before the events: (about, checkpoint, keys, head)."""
    def text_of(expected):
        name, content = next(archive, ("the end", b""))
        check(name == expected, f"{name} stands where {expected} belongs")
        return content.decode() if name != "README.md" else ""
    text_of("README.md")
    manifest = text_of("bundle.json")
    about = parse(manifest, "bundle.json")
    check(isinstance(about, dict) and about.get("format") == "countersign-bundle/1", "the format is an unknown one")
    names = ["format", "about"] + ["stream"] * (about.get("about") == "stream")
    check(about.get("about") in ("log", "stream") and has_form(about, dict.fromkeys(names, str))
          and STREAM.fullmatch(about.get("stream", "log/" + "00000000-0000-0000-0000-000000000000"))
          and dump(about).decode() == manifest, "bundle.json is not in its one form")
    keys = text_of("keys")
    lines = keys.split("\n")[:-1]
    check(keys == "".join(f"{line}\n" for line in sorted(set(lines), key=str.encode)), "the keys are not in order")
    return about, text_of("checkpoint"), dict(map(parse_key, lines)), text_of("head") if "stream" in about else None


def verify(archive, own_keys):
    archive = files(archive)
    try:
        about, checkpoint, keys, head = read_cover(archive)
    except UnicodeDecodeError:
        raise Refused("a file is no text")
    bundle = Bundle(about, checkpoint, own_keys or keys, head)
    for number, (name, content) in enumerate(archive):
        check(name == f"events/{number:06}.ndjson", f"{name} does not belong there")
        check(content.endswith(b"\n"), f"{name} does not end with a line")
        for line in content[:-1].split(b"\n"):
            bundle.event(line)
    bundle.finish()
    what = f"all {bundle.events} events of {bundle.stream or 'the log'}"
    whose = "your own keys" if own_keys else "ITS OWN keys: compare them with those that you were given"
    return (f"{what} are proved, as of size {bundle.size}; {bundle.shown} of {bundle.personal} personal values "
            f"are shown, and are those that were hashed; checked against {whose}")


def is_proved(line):
    question = json.loads(line)
    root, proof = bytes.fromhex(question["root"]), [bytes.fromhex(text) for text in question["proof"]]
    try:
        if question["kind"] == "inclusion":
            return is_included(bytes.fromhex(question["event_hash"]), question["position"], question["size"], root, proof)
        return is_consistent(question["from"], bytes.fromhex(question["old_root"]), question["to"], root, proof)
    except Refused:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key", action="append", default=[], metavar="VKEY", help="a public key of your own")
    parser.add_argument("--proofs", action="store_true", help="check single proofs, from standard input")
    parser.add_argument("files", nargs="*", metavar="FILE")
    options = parser.parse_args()
    if options.proofs == bool(options.files):
        parser.error("name bundles, or --proofs")
    good = True
    try:
        own_keys = dict(map(parse_key, options.key))
        for line in sys.stdin if options.proofs else ():
            proved = is_proved(line)
            good &= proved
            print("ok" if proved else "wrong")
        for name in options.files:
            with open(name, "rb") as archive:
                try:
                    print(f"{name}: {verify(archive, own_keys)}")
                except Refused as why:
                    good = False
                    words = "".join(c if c.isprintable() else "\ufffd" for c in str(why))
                    print(f"{name}: NOT PROVED: {words}")
    except (OSError, ValueError, KeyError, TypeError, Refused) as error:
        print(f"verify-bundle.py: {error!r}" if not isinstance(error, Refused) else error, file=sys.stderr)
        return 2
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

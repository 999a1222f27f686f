#!/usr/bin/env python3
"""Checks bundles of Countersign offline. Written from docs/log-format.md; shares no code with Countersign.

    verify-bundle.py [--key VKEY]... FILE...      checks each bundle, against your own keys if you give any
    verify-bundle.py --proofs < LINES             checks single proofs, one JSON object a line

Exit code 0: all is proved. 1: something is not. 2: it could not be checked.
Needs Python 3.9 and the package "cryptography" (Debian: python3-cryptography).
"""
import argparse, base64, hashlib, json, math, re, sys
from functools import reduce

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    print("verify-bundle.py needs the Python package cryptography", file=sys.stderr)
    sys.exit(2)

FILE_MAX, SIZE_MAX, NOTE_MAX = 4 << 20, 2**63 - 1, 1_000_000
UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NUMBER = "(?:0|[1-9][0-9]{0,18})"
HASH = re.compile("[0-9a-f]{64}")
STREAM = re.compile(f"[a-z]+/{UUID}")
MANIFEST = re.compile(f'{{"format":"countersign-bundle/1","about":(?:"log"|"stream","stream":"({STREAM.pattern})")}}')
CHECKPOINT = re.compile(f"(countersign/{UUID})/({NUMBER})\n({NUMBER})\n(\\S+)\n")
SIGNATURE = re.compile(r"— ([^\s+]+) (\S+)")
KEY = re.compile(r"([!-*,-~]+)\+([0-9a-f]{8})\+(\S+)")


class Refused(Exception):
    """Why something proves nothing."""

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

def root_of(peaks):
    """Of a tree, from the roots of its complete subtrees."""
    return reduce(lambda right, left: node(left, right), reversed(peaks)) if peaks else sha256()

def append(peaks, size, event_hash):
    new = leaf(event_hash)
    while size & 1:
        new, size = node(peaks.pop(), new), size >> 1
    peaks.append(new)

def root_by_inclusion(leaf_hash, position, size, proof):
    if size == 1:
        check(not proof, "the proof is too long")
        return leaf_hash
    check(proof, "the proof is too short")
    *below, beside = proof
    half = 1 << ((size - 1).bit_length() - 1)
    if position < half:
        return node(root_by_inclusion(leaf_hash, position, half, below), beside)
    return node(beside, root_by_inclusion(leaf_hash, position - half, size - half, below))

def roots_by_consistency(old_root, old_size, size, proof, is_whole=True):
    """The old and the new root that the proof leads to."""
    if old_size == size:
        check(len(proof) == (0 if is_whole else 1), "the proof has a wrong length")
        return (old_root, old_root) if is_whole else (proof[0], proof[0])
    check(proof, "the proof is too short")
    *below, beside = proof
    half = 1 << ((size - 1).bit_length() - 1)
    if old_size <= half:
        old, new = roots_by_consistency(old_root, old_size, half, below, is_whole)
        return old, node(new, beside)
    old, new = roots_by_consistency(old_root, old_size - half, size - half, below, False)
    return node(beside, old), node(beside, new)

def is_included(event_hash, position, size, root, proof):
    return 0 <= position < size and root_by_inclusion(leaf(event_hash), position, size, proof) == root

def is_consistent(old_size, old_root, size, root, proof):
    return 1 <= old_size <= size and roots_by_consistency(old_root, old_size, size, proof) == (old_root, root)


# --- Keys and signed notes (C2SP) ---

def unbase64(text):
    try:
        data = base64.b64decode(text.encode(), validate=True)
    except ValueError:
        data = b""
    check(base64.b64encode(data).decode() == text, f"{text} is no base64")
    return data

def is_sound(point):
    """Whether it is a point of Ed25519's curve, and not of small order."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p)
    y = (int.from_bytes(point, "little") & (2**255 - 1)) % p
    if pow((y * y - 1) * (d * y * y + 1), (p - 1) // 2, p) not in (0, 1):
        return False
    for _ in range(3):  # Doubled three times, a point of small order is the neutral one, whose y is 1.
        x_squared = (y * y - 1) * pow(d * y * y + 1, -1, p)
        y = (y * y + x_squared) * pow(1 - d * x_squared * y * y, -1, p) % p
    return y != 1

def parse_key(text):
    """((name, id), key)."""
    parts = KEY.fullmatch(text)
    data = unbase64(parts[3]) if parts else b""
    check(len(data) == 33 and data[0] == 1 and is_sound(data[1:])
          and sha256(parts[1].encode(), b"\n", data)[:4].hex() == parts[2], f"{text!r} is no public key of a log")
    return (parts[1], parts[2]), Ed25519PublicKey.from_public_bytes(data[1:])

def known_keys(lines):
    keys = dict(map(parse_key, lines))
    check(len(keys) == len(set(lines)), "two keys have one name and id")
    return keys

def signed_text(note, keys, what):
    """The text of a note, and the names of the known keys that have signed it."""
    text, parted, signatures = note.rpartition("\n\n")
    text, lines, signers = text + "\n", signatures.split("\n"), set()
    check(parted and lines.pop() == "" and len(note.encode()) <= NOTE_MAX, f"{what} is no note")
    check(not re.search(r"[\0-\x09\x0b-\x1f]", note) and len(lines) <= 100, f"{what} is no note")
    check(len(set(lines)) == len(lines), f"{what} has a signature twice")
    for line in lines:
        parts = SIGNATURE.fullmatch(line)
        signature = unbase64(parts[2]) if parts else b""
        check(len(signature) >= 5, f"{what} has a malformed signature")
        signer = (parts[1], signature[:4].hex())
        if signer in keys:
            check(signer not in signers, f"{what} is signed twice by one key")
            signers.add(signer)
            try:
                keys[signer].verify(signature[4:], text.encode())
            except InvalidSignature:
                raise Refused(f"a signature of {what} is wrong")
    return text, {name for name, _ in signers}


# --- The archive ---

def header(name, size):
    before = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"00000000000\0"
    behind = (b"0".ljust(101, b"\0") + b"ustar\00000").ljust(356, b"\0")
    return before + b"%07o\0" % sum(before + b" " * 8 + behind) + behind

def files(archive):
    """(name, content) of each file; the archive has to end behind the last."""
    def read(length):
        data = archive.read(length)
        check(len(data) == length, "the archive is cut off")
        return data
    while (block := read(512)) != bytes(512):
        name, digits = block[:100].rstrip(b"\0"), block[124:135]
        check(re.fullmatch(rb"[0-7]{11}", digits) and block == header(name, int(digits, 8)),
              "the archive is not in the form of bundles")
        check(int(digits, 8) <= FILE_MAX, "a file is too large")
        content = read(int(digits, 8))
        check(not any(read(-len(content) % 512)), "something is hidden between the files")
        yield name.decode("ascii", "replace"), content
    check(read(512) == bytes(512) and not archive.read(1), "something follows the end of the archive")


# --- JSON that every reader understands alike ---

def fields_once(pairs):
    check(len(dict(pairs)) == len(pairs), "two fields have one name")
    return dict(pairs)

def finite(text):
    check(math.isfinite(float(text)), "a number is too large")
    return int(text) if re.fullmatch(NUMBER, text) else float(text)


DECODER = json.JSONDecoder(object_pairs_hook=fields_once, parse_int=finite, parse_float=finite, parse_constant=finite)

def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

def inside(value):
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()

def depth(value):
    return 1 + max(map(depth, inside(value)), default=0) if isinstance(value, (dict, list)) else 0

def parse(text, what):
    try:
        value = DECODER.decode(text)
        dump(value)  # A lone surrogate cannot be encoded.
        check(text.count("[") + text.count("{") <= 127 or depth(value) <= 127, f"{what} is nested too deep")
        return value
    except (ValueError, RecursionError) as error:
        raise Refused(f"{what} is no JSON: {error}")


# --- Events ---

FIELDS = dict(position=int, stream=str, sequence=int, type=str, version=str, recorded_at=str, payload=str,
              metadata=str, hash=str)

def has_form(value, fields):
    """Whether it is an object of these fields, in this order, of these types."""
    return isinstance(value, dict) and [(name, type(value[name])) for name in value] == list(fields.items())

def read_event(line, number):
    wrong = f"event {number} is not in its one form"
    event = parse(line.decode(errors="replace"), f"event {number}")
    optional = {name: list for name in ("proof", "revealed") if isinstance(event, dict) and name in event}
    check(has_form(event, {**FIELDS, **optional}) and event.get("revealed") != [] and dump(event) == line, wrong)
    revealed = event.get("revealed", [])
    check(all(has_form(shown, dict(pointer=str, salt=str, value=str)) for shown in revealed), wrong)
    hashes = [event["hash"], *event.get("proof", []), *(shown["salt"] for shown in revealed)]
    check(all(isinstance(text, str) and HASH.fullmatch(text) for text in hashes), wrong)
    return event

def event_hash(event, previous):
    def sized(name):
        data = event[name].encode()
        return len(data).to_bytes(8, "big") + data
    return sha256(b"countersign/event/v1\0", previous, sized("stream"), event["sequence"].to_bytes(8, "big"),
                  *map(sized, ("type", "version", "recorded_at", "payload", "metadata")))

def is_personal(value):
    return (isinstance(value, dict) and value.keys() == {"commit", "sealed"}
            and all(isinstance(text, str) for text in value.values()) and HASH.fullmatch(value["commit"]) is not None)

def count_personal(value):
    return 1 if is_personal(value) else sum(map(count_personal, inside(value)))

def resolve(pointer, value):
    """What an RFC 6901 pointer names, or None."""
    if not re.fullmatch("(/([^~/]|~[01])*)+", pointer):
        return None
    for token in pointer[1:].split("/"):
        if isinstance(value, list) and re.fullmatch(NUMBER, token) and int(token) < len(value):
            value = value[int(token)]
        else:
            value = value.get(token.replace("~1", "/").replace("~0", "~")) if isinstance(value, dict) else None
    return value

def check_personal(event):
    """How many personal fields are shown, and how many there are."""
    document = {name: parse(event[name], f"its {name}") for name in ("payload", "metadata")}
    seen = set()
    for shown in event.get("revealed", []):
        pointer, salt, value = shown["pointer"], bytes.fromhex(shown["salt"]), shown["value"].encode()
        field = resolve(pointer, document)
        check(is_personal(field) and pointer not in seen, f"{pointer} is no personal field, or is shown twice")
        check(sha256(salt, value).hex() == field["commit"], f"{pointer} is not what was hashed")
        seen.add(pointer)
    return len(seen), count_personal(document)


# --- Bundles ---

class Bundle:
    def __init__(self, archive, own_keys):
        self.archive = files(archive)
        self.file("README.md", "latin-1")
        manifest = MANIFEST.fullmatch(self.file("bundle.json"))
        check(manifest, "bundle.json is not in its one form, or of another version")
        self.stream, keys = manifest[1], self.file("keys")
        lines = keys.split("\n")[:-1]
        check(keys == "".join(f"{line}\n" for line in sorted(set(lines), key=str.encode)), "the keys are not in order")
        brought = known_keys(lines)
        self.keys, checkpoint = own_keys or brought, self.file("checkpoint")
        self.head = self.file("head") if self.stream else None
        self.checkpoint, signers = signed_text(checkpoint, self.keys, "the checkpoint")
        parts = CHECKPOINT.fullmatch(self.checkpoint)
        check(parts and int(parts[2]) < 2**32 and int(parts[3]) <= SIZE_MAX, "the checkpoint is malformed")
        self.log, self.size, self.root = parts[1], int(parts[3]), unbase64(parts[4])
        check(len(self.root) == 32, "the checkpoint is malformed")
        check(self.log in signers, "no known key has signed the checkpoint")
        self.tips = {}  # For each stream, its last sequence and hash in 40 bytes: of many, it takes memory.
        self.peaks, self.next_position = [], 0
        self.events = self.shown = self.personal = 0

    def file(self, expected, encoding="utf-8"):
        name, content = next(self.archive, ("the end", b""))
        check(name == expected, f"{name} stands where {expected} belongs")
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            raise Refused(f"{name} is no text")

    def check_events(self):
        for number, (name, content) in enumerate(self.archive):
            check(name == f"events/{number:06}.ndjson", f"{name} does not belong there")
            check(content.endswith(b"\n"), f"{name} does not end with a line")
            for line in content[:-1].split(b"\n"):
                event = read_event(line, self.events + 1)
                try:
                    self.check_event(event)
                except Refused as why:
                    raise Refused("{stream}, sequence {sequence}, position {position}: ".format(**event) + str(why))
        self.check_log() if self.stream is None else self.check_head()

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
            check(position == self.next_position, "it does not follow the position before it")
            append(self.peaks, position, this)
        else:
            check("proof" in event, "it has no proof")
            check(position >= self.next_position, "its position is not after that of the event before it")
            proof = [bytes.fromhex(text) for text in event["proof"]]
            check(is_included(this, position, self.size, self.root, proof),
                  "its proof does not lead to the checkpoint's root")
        shown, personal = check_personal(event)
        self.tips[stream], self.next_position = sequence.to_bytes(8, "big") + this, position + 1
        self.events, self.shown, self.personal = self.events + 1, self.shown + shown, self.personal + personal

    def check_log(self):
        check(self.events == self.size, f"the bundle ends after {self.events} events of {self.size}")
        check(root_of(self.peaks) == self.root, "the events do not lead to the checkpoint's root")

    def check_head(self):
        check(self.events, "the bundle holds no event")
        text, signers = signed_text(self.head, self.keys, "the head")
        check(self.log in signers, "no known key has signed the head")
        tip = self.tips[self.stream]
        last = f"{self.stream}\n{int.from_bytes(tip[:8], 'big')}\n{base64.b64encode(tip[8:]).decode()}\n"
        check(text == f"countersign-stream-head/1\n{self.checkpoint}{last}",
              "the signed head does not name the bundle's last event as the last of the stream")

def verdict(file, own_keys):
    """Whether the bundle is proved, and the words for it."""
    try:
        bundle = Bundle(file, own_keys)
        bundle.check_events()
    except Refused as why:
        return False, "NOT PROVED: " + "".join(c if c.isprintable() else "\ufffd" for c in str(why))
    whose = "your own keys" if own_keys else "ITS OWN keys: compare them with those that you were given"
    return True, (f"proved: {bundle.events} events of {bundle.stream or 'the whole log'}, as of size {bundle.size}; "
                  f"{bundle.shown} of {bundle.personal} personal values shown; checked against {whose}")

def is_proved(line):
    question = json.loads(line)
    proof = [bytes.fromhex(text) for text in question["proof"]]
    hashes = {name: bytes.fromhex(question[name]) for name in ("event_hash", "old_root", "root") if name in question}
    try:
        if question["kind"] == "inclusion":
            return is_included(hashes["event_hash"], question["position"], question["size"], hashes["root"], proof)
        return is_consistent(question["from"], hashes["old_root"], question["to"], hashes["root"], proof)
    except Refused:
        return False

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key", action="append", default=[], metavar="VKEY", help="a public key of your own")
    parser.add_argument("--proofs", action="store_true", help="check single proofs, from standard input")
    parser.add_argument("files", nargs="*", metavar="FILE")
    options, good = parser.parse_args(), True
    if options.proofs == bool(options.files):
        parser.error("name bundles, or --proofs")
    own_keys = known_keys(options.key)
    for line in sys.stdin if options.proofs else ():
        proved = is_proved(line)
        good = good and proved
        print("ok" if proved else "wrong")
    for name in options.files:
        with open(name, "rb") as file:
            proved, words = verdict(file, own_keys)
        good = good and proved
        print(f"{name}: {words}")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError, LookupError, TypeError, Refused) as error:
        print(f"verify-bundle.py: {error}", file=sys.stderr)
        sys.exit(2)

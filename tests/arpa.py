"""A small language model in the ARPA format, written by hand."""


def write_arpa(path, unigrams, bigrams=()):
    """Writes a model of words with their log10 probabilities, and of pairs of words with theirs."""
    marks = [("<unk>", -4.0), ("<s>", -99.0), ("</s>", -1.0)]
    lines = ["", "\\data\\", f"ngram 1={len(unigrams) + len(marks)}", f"ngram 2={max(len(bigrams), 1)}", ""]
    lines += ["\\1-grams:", *(f"{value}\t{word}\t0" for word, value in [*marks, *unigrams]), ""]
    pairs = bigrams or [("<s>", unigrams[0][0], unigrams[0][1])]
    lines += ["\\2-grams:", *(f"{value}\t{first} {second}" for first, second, value in pairs), "", "\\end\\", ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)

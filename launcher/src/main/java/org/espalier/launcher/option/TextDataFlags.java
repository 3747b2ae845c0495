package org.espalier.launcher.option;

import java.nio.file.Path;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import org.espalier.datasets.Corpus;
import org.espalier.datasets.CorpusOptions;
import org.espalier.datasets.DataFile;
import org.espalier.runtime.tokenizer.Tokenizer;
import picocli.CommandLine.Option;

/** A text to measure a model on. */
public final class TextDataFlags {
  @Option(
      names = {"-f", "--file"},
      required = true,
      paramLabel = "FILE",
      description =
          "The text: a plain file, lines of JSON (.jsonl, .json) or Parquet; the first two may be"
              + " compressed with gzip.")
  private Path file = Path.of("");

  @Option(
      names = "--field",
      paramLabel = "NAME",
      description = "Field of each row that holds the text. Default: ${DEFAULT-VALUE}.")
  private String field = CorpusOptions.DEFAULT.field();

  @Option(
      names = "--join",
      paramLabel = "TEXT",
      description = "What stands between two rows, escapes such as \\n processed. Default: \\n\\n.")
  private String join = "\\n\\n";

  @Option(
      names = "--wikitext-rows",
      description =
          "Takes the lines of a plain file as rows of WikiText: a line that is not blank with its"
              + " newline, a blank one as nothing, joined.")
  private boolean wikiTextRows;

  @Option(
      names = "--each-document",
      description = "Encodes every row on its own and puts the tokens together, as for C4.")
  private boolean eachDocument;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "Keeps the first N tokens only; 0: all. Default: ${DEFAULT-VALUE}.")
  private int tokens = 0;

  /** The file, looked at. */
  public DataFile open() {
    return DataFile.open(file);
  }

  /** How it becomes a text. */
  public CorpusOptions options() {
    return new CorpusOptions(field, Escapes.process(join), wikiTextRows, eachDocument, tokens);
  }

  /** Its tokens. */
  public int[] tokens(
      DataFile opened,
      Tokenizer tokenizer,
      BiFunction<Tokenizer, String, int[]> encoding,
      Consumer<String> notices) {
    return Corpus.tokens(opened, options(), tokenizer, encoding, notices);
  }
}

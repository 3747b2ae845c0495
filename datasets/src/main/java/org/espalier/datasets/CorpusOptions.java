package org.espalier.datasets;

import org.espalier.api.EspalierException.InvalidRequest;

/**
 * How a file becomes one text.
 *
 * @param field of each row that holds text; for files of rows
 * @param join what stands between two rows
 * @param wikiTextRows whether the lines of a plain text are rows of WikiText: a line that is not
 *     blank with its newline, a blank one as nothing
 * @param eachDocument whether every row is encoded on its own and the ids are put together
 * @param mostTokens of which only the first are kept; 0: all
 */
public record CorpusOptions(
    String field, String join, boolean wikiTextRows, boolean eachDocument, int mostTokens) {
  /** Refuses a negative number of tokens. */
  public CorpusOptions {
    if (mostTokens < 0) {
      throw new InvalidRequest("the number of tokens must be 0 (all) or more: " + mostTokens);
    }
  }

  /** Rows have a field {@code text}; two newlines stand between them. */
  public static final CorpusOptions DEFAULT = new CorpusOptions("text", "\n\n", false, false, 0);
}

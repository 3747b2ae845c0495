package org.espalier.runtime.evaluation.choice;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.espalier.api.EspalierException.MalformedData;
import org.espalier.runtime.tokenizer.Tokenizer;

/**
 * A question in tokens.
 *
 * @param context tokens of the context
 * @param continuations tokens of each choice after it
 */
record EncodedQuestion(int[] context, List<int[]> continuations) {

  /**
   * Encodes as lm-evaluation-harness does: white space at the end of the context goes to the
   * choices; context and choice are encoded together, and what comes after as many tokens as the
   * context has alone is the choice's.
   *
   * @throws MalformedData when there is no context, or a choice adds no token to it
   */
  static EncodedQuestion of(Question question, Tokenizer tokenizer) {
    String whole = question.context();
    int moved = Whitespace.trailing(whole);
    String context = whole.substring(0, whole.length() - moved);
    String between = whole.substring(whole.length() - moved) + " ";
    int[] contextTokens = tokenizer.encode(context, false);
    if (contextTokens.length == 0) {
      throw new MalformedData(question.place() + ": there is no text before the choices");
    }
    List<int[]> continuations = new ArrayList<>();
    for (String choice : question.choices()) {
      int[] all = tokenizer.encode(context + between + choice, false);
      if (all.length <= contextTokens.length) {
        throw new MalformedData(
            "%s: the choice '%s' adds no token to the text before it"
                .formatted(question.place(), choice));
      }
      continuations.add(Arrays.copyOfRange(all, contextTokens.length, all.length));
    }
    return new EncodedQuestion(contextTokens, continuations);
  }

  /** Cuts the context from the left where a choice would not fit behind it. */
  List<Branching> branchings(Question question, int index, int contextLength) {
    List<Branching> branchings = new ArrayList<>();
    for (int choice = 0; choice < continuations.size(); choice++) {
      int[] tokens = continuations.get(choice);
      if (tokens.length > contextLength) {
        throw new MalformedData(
            "%s: a choice has %d tokens, more than the context of %d"
                .formatted(question.place(), tokens.length, contextLength));
      }
      // The last token of a choice is predicted, never read.
      int kept = Math.min(context.length, contextLength + 1 - tokens.length);
      branchings.stream()
          .filter(branching -> branching.prefix().length == kept)
          .findFirst()
          .orElseGet(() -> {
            int[] prefix = Arrays.copyOfRange(context, context.length - kept, context.length);
            Branching added = new Branching(index, prefix, new ArrayList<>());
            branchings.add(added);
            return added;
          })
          .branches()
          .add(new Branch(choice, tokens));
    }
    return branchings;
  }

  /**
   * A text that goes on in several ways.
   *
   * @param question index of the question
   * @param prefix common to all
   */
  record Branching(int question, int[] prefix, List<Branch> branches) {
    int longestBranch() {
      return branches.stream().mapToInt(branch -> branch.tokens().length).max().orElse(0);
    }

    /** Positions that its session must hold: the last token of a branch is never read. */
    int positions() {
      return prefix.length + longestBranch() - 1;
    }
  }

  /**
   * One way.
   *
   * @param choice index of the choice
   * @param tokens after the prefix, at least one
   */
  record Branch(int choice, int[] tokens) {}
}

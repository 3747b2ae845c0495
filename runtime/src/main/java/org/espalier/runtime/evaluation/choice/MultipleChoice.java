package org.espalier.runtime.evaluation.choice;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.espalier.api.backend.Session;
import org.espalier.runtime.Model;
import org.espalier.runtime.evaluation.Mean;
import org.espalier.runtime.evaluation.Progress;
import org.espalier.runtime.evaluation.choice.EncodedQuestion.Branch;
import org.espalier.runtime.evaluation.choice.EncodedQuestion.Branching;
import org.espalier.runtime.evaluation.pass.LogSoftmax;
import org.espalier.runtime.evaluation.pass.Passes;
import org.espalier.runtime.evaluation.pass.Sessions;
import org.espalier.runtime.evaluation.pass.Stretch;

/**
 * Scores questions with several answers. The context of a question is read once, and each choice
 * behind it in turn; many questions, each in a session of its own, go through the model together.
 */
public final class MultipleChoice {
  /** Positions that all sessions of a group may hold: bounds the memory of their caches. */
  private static final int MOST_POSITIONS = 2048;

  private final Model model;
  private final List<Question> questions;
  private final Progress progress;
  private final Passes passes;
  private final int vocabulary;
  private final double[][] sums;
  private final int[][] counts;

  private MultipleChoice(Model model, List<Question> questions, Progress progress) {
    this.model = model;
    this.questions = questions;
    this.progress = progress;
    this.passes = new Passes(model, progress::passed);
    this.vocabulary = model.plan().vocabulary();
    this.sums = new double[questions.size()][];
    this.counts = new int[questions.size()][];
  }

  /**
   * Scores them, zero-shot.
   *
   * @param progress is told the normalised accuracy so far, after every group of questions
   * @throws org.espalier.api.EspalierException.MalformedData when a question has no text
   */
  public static MultipleChoiceResult score(
      Model model, List<Question> questions, Progress progress) {
    return new MultipleChoice(model, questions, progress).run();
  }

  private MultipleChoiceResult run() {
    List<Branching> group = new ArrayList<>();
    int positions = 0;
    int branchTokens = 0;
    for (int index = 0; index < questions.size(); index++) {
      List<Branching> next = branchings(index);
      int morePositions = next.stream().mapToInt(Branching::positions).sum();
      int moreTokens = next.stream().mapToInt(Branching::longestBranch).sum();
      boolean full =
          positions + morePositions > MOST_POSITIONS || branchTokens + moreTokens > model.batch();
      if (full && !group.isEmpty()) {
        score(group);
        report(index);
        group.clear();
        positions = 0;
        branchTokens = 0;
      }
      group.addAll(next);
      positions += morePositions;
      branchTokens += moreTokens;
    }
    if (!group.isEmpty()) {
      score(group);
      report(questions.size());
    }
    return result(questions.size());
  }

  private List<Branching> branchings(int index) {
    Question question = questions.get(index);
    EncodedQuestion encoded = EncodedQuestion.of(question, model.tokenizer());
    sums[index] = new double[question.choices().size()];
    counts[index] =
        encoded.continuations().stream().mapToInt(continuation -> continuation.length).toArray();
    return encoded.branchings(question, index, model.plan().contextLength());
  }

  private void score(List<Branching> group) {
    try (Sessions sessions = new Sessions()) {
      List<Session> opened =
          group.stream().map(branching -> sessions.open(model, branching.positions())).toList();
      readPrefixes(group, opened);
      int rounds =
          group.stream().mapToInt(branching -> branching.branches().size()).max().orElse(0);
      for (int round = 0; round < rounds; round++) {
        readBranches(group, opened, round);
      }
    }
  }

  /** The last position of a prefix predicts the first token of every branch. */
  private void readPrefixes(List<Branching> group, List<Session> sessions) {
    List<Stretch> stretches = new ArrayList<>();
    for (int i = 0; i < group.size(); i++) {
      Branching branching = group.get(i);
      double[] target = sums[branching.question()];
      stretches.add(
          new Stretch(
              sessions.get(i),
              branching.prefix(),
              1,
              (row, logits) -> {
                double logSum = LogSoftmax.logSum(logits, vocabulary);
                for (Branch branch : branching.branches()) {
                  target[branch.choice()] = logits[branch.tokens()[0]] - logSum;
                }
              }));
    }
    passes.run(stretches);
  }

  private void readBranches(List<Branching> group, List<Session> sessions, int round) {
    List<Stretch> stretches = new ArrayList<>();
    List<Runnable> sumUp = new ArrayList<>();
    for (int i = 0; i < group.size(); i++) {
      Branching branching = group.get(i);
      if (round < branching.branches().size()) {
        Branch branch = branching.branches().get(round);
        int read = branch.tokens().length - 1;
        if (read > 0) {
          double[] logLikelihoods = new double[read];
          Session session = sessions.get(i);
          session.truncate(branching.prefix().length);
          stretches.add(
              new Stretch(
                  session,
                  Arrays.copyOf(branch.tokens(), read),
                  read,
                  (row, logits) ->
                      logLikelihoods[row] =
                          logits[branch.tokens()[row + 1]]
                              - LogSoftmax.logSum(logits, vocabulary)));
          double[] target = sums[branching.question()];
          sumUp.add(() -> target[branch.choice()] += Arrays.stream(logLikelihoods).sum());
        }
      }
    }
    passes.run(stretches);
    sumUp.forEach(Runnable::run);
  }

  private void report(int done) {
    Mean accuracy = result(done).normalisedAccuracy();
    progress.advanced(done, questions.size(), accuracy.mean());
  }

  private MultipleChoiceResult result(int done) {
    List<QuestionResult> results = new ArrayList<>(done);
    for (int i = 0; i < done; i++) {
      Question question = questions.get(i);
      results.add(
          new QuestionResult(
              Arrays.stream(sums[i]).boxed().toList(),
              Arrays.stream(counts[i]).boxed().toList(),
              question.choices().stream()
                  .map(choice -> choice.codePointCount(0, choice.length()))
                  .toList(),
              question.gold()));
    }
    return new MultipleChoiceResult(results);
  }
}

package org.espalier.runtime.chat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.HostRows;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.runtime.generation.FinishReason;
import org.espalier.runtime.generation.GenerationListener;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.runtime.generation.GenerationResult;
import org.espalier.runtime.sampling.SamplingOptions;
import org.espalier.runtime.tokenizer.Fixtures;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.runtime.tokenizer.TokenizerCompatibility;
import org.junit.jupiter.api.Test;

class ConversationTest {
  private static final Tokenizer OLMO =
      Tokenizer.of(Fixtures.olmo(), TokenizerCompatibility.HUGGING_FACE, _ -> {});
  private static final ChatForm FORM = ChatForm.named("tulu");
  private static final GenerationOptions GREEDY =
      GenerationOptions.DEFAULT.withSampling(SamplingOptions.GREEDY);
  private static final GenerationListener SILENT = new GenerationListener() {};

  private final List<String> notices = new ArrayList<>();

  /** Answers "Yes." and ends, whatever it is asked; remembers every token that it was given. */
  private static final class YesMan implements Session {
    final List<Integer> tokens = new ArrayList<>();
    final List<Integer> passes = new ArrayList<>();
    final List<Integer> answer = new ArrayList<>();
    private final int contextLength;
    private int said;
    boolean broken;

    YesMan(int contextLength, String answer) {
      this.contextLength = contextLength;
      for (int token : OLMO.encode(answer, false)) {
        this.answer.add(token);
      }
      this.answer.add(50279);
    }

    @Override
    public int position() {
      return tokens.size();
    }

    @Override
    public int contextLength() {
      return contextLength;
    }

    @Override
    public void truncate(int position) {
      tokens.subList(position, tokens.size()).clear();
    }

    @Override
    public Rows forward(Activations input, int wanted) {
      if (broken) {
        throw new DeviceFailure("out of order");
      }
      int[] ids = ((Activations.Tokens) input).ids();
      said = ids.length == 1 && said < answer.size() && ids[0] == answer.get(said) ? said + 1 : 0;
      for (int id : ids) {
        tokens.add(id);
      }
      passes.add(ids.length);
      float[] logits = new float[OLMO.size()];
      logits[answer.get(Math.min(said, answer.size() - 1))] = 1;
      return new HostRows(logits, 0, wanted, OLMO.size());
    }

    @Override
    public void close() {}
  }

  private Conversation conversation(Session session, String... system) {
    return new Conversation(
        OLMO,
        session,
        OLMO.size(),
        4096,
        FORM,
        system.length == 0 ? Optional.empty() : Optional.of(system[0]),
        notices::add);
  }

  private static int[] sessionAfter(YesMan session) {
    return session.tokens.stream().mapToInt(Integer::intValue).toArray();
  }

  @Test
  void turnsFollowEachOtherInTheSession() {
    YesMan session = new YesMan(1000, "Yes.");
    try (Conversation conversation = conversation(session, "Agree.")) {
      GenerationResult first = conversation.say("Is it so?", GREEDY, SILENT);
      assertEquals("Yes.", first.text());
      assertEquals(FinishReason.END_OF_TEXT, first.reason());
      int before = session.position();
      session.passes.clear();
      assertEquals("Yes.", conversation.say("Sure?", GREEDY, SILENT).text());
      assertEquals(
          List.of(
              ChatMessage.system("Agree."),
              ChatMessage.user("Is it so?"),
              ChatMessage.assistant("Yes."),
              ChatMessage.user("Sure?"),
              ChatMessage.assistant("Yes.")),
          conversation.messages());
      assertEquals(
          "<|endoftext|><|system|>\nAgree.\n<|user|>\nIs it so?\n<|assistant|>\nYes."
              + "<|endoftext|>\n<|user|>\nSure?\n<|assistant|>\nYes.",
          OLMO.decode(sessionAfter(session)));
      int[] whole = FORM.encode(OLMO, conversation.messages().subList(0, 4));
      assertEquals(whole.length - before, session.passes.getFirst(), "only what was new is read");
    }
  }

  @Test
  void resetKeepsTheScene() {
    YesMan session = new YesMan(1000, "Yes.");
    try (Conversation conversation = conversation(session, "Agree.")) {
      conversation.say("One", GREEDY, SILENT);
      conversation.reset();
      assertEquals(List.of(ChatMessage.system("Agree.")), conversation.messages());
      conversation.say("Two", GREEDY, SILENT);
      assertEquals(
          "<|endoftext|><|system|>\nAgree.\n<|user|>\nTwo\n<|assistant|>\nYes.",
          OLMO.decode(sessionAfter(session)));
    }
  }

  @Test
  void theOldestIsForgottenWhereTheContextIsTooShort() {
    YesMan session = new YesMan(120, "Yes.");
    try (Conversation conversation = conversation(session, "Agree.")) {
      for (int turn = 0; turn < 10; turn++) {
        assertEquals("Yes.", conversation.say("Question " + turn, GREEDY, SILENT).text());
        assertTrue(session.position() < 120);
      }
      List<ChatMessage> left = conversation.messages();
      assertEquals(ChatMessage.system("Agree."), left.getFirst());
      assertTrue(left.size() < 21 && left.size() >= 5, left.toString());
      assertEquals(ChatMessage.user("Question 9"), left.get(left.size() - 2));
      assertEquals(1, left.size() % 2);
      assertTrue(notices.getFirst().contains("forgotten"), notices.toString());
    }
  }

  @Test
  void aMessageThatDoesNotFitChangesNothing() {
    YesMan session = new YesMan(60, "Yes.");
    try (Conversation conversation = conversation(session)) {
      conversation.say("One", GREEDY, SILENT);
      List<ChatMessage> before = conversation.messages();
      assertThrows(
          InvalidRequest.class, () -> conversation.say("word ".repeat(100), GREEDY, SILENT));
      assertEquals(before, conversation.messages());
      assertEquals("Yes.", conversation.say("Two", GREEDY, SILENT).text());
    }
  }

  @Test
  void aFailureChangesNothing() {
    YesMan session = new YesMan(1000, "Yes.");
    try (Conversation conversation = conversation(session)) {
      session.broken = true;
      assertThrows(DeviceFailure.class, () -> conversation.say("One", GREEDY, SILENT));
      session.broken = false;
      assertEquals(List.of(), conversation.messages());
      assertEquals("Yes.", conversation.say("Two", GREEDY, SILENT).text());
      assertEquals(
          "<|endoftext|><|user|>\nTwo\n<|assistant|>\nYes.", OLMO.decode(sessionAfter(session)));
    }
  }

  @Test
  void aCancelledAnswerStaysAsFarAsItGot() {
    YesMan session = new YesMan(1000, "Yes, and no, and all.");
    try (Conversation conversation = conversation(session)) {
      GenerationListener impatient =
          new GenerationListener() {
            private int tokens;

            @Override
            public void token(int token, String text) {
              tokens++;
            }

            @Override
            public boolean cancelled() {
              return tokens >= 2;
            }
          };
      GenerationResult result = conversation.say("One", GREEDY, impatient);
      assertEquals(FinishReason.CANCELLED, result.reason());
      assertEquals(ChatMessage.assistant("Yes,"), conversation.messages().getLast());
      GenerationListener unwilling =
          new GenerationListener() {
            @Override
            public boolean cancelled() {
              return true;
            }
          };
      conversation.say("Two", GREEDY, unwilling);
      assertEquals(2, conversation.messages().size(), "an answer that never began");
      conversation.say("Three", GREEDY, SILENT);
      assertTrue(
          OLMO.decode(sessionAfter(session))
              .startsWith(
                  "<|endoftext|><|user|>\nOne\n<|assistant|>\nYes,<|endoftext|>\n"
                      + "<|user|>\nThree\n<|assistant|>\nYes, and"));
    }
  }

  @Test
  void anAnswerEndsWhereTheModelSpeaksForTheUser() {
    YesMan session = new YesMan(1000, "Yes.\n<|user|>\nAnd?");
    try (Conversation conversation = conversation(session)) {
      GenerationResult result = conversation.say("One", GREEDY, SILENT);
      assertEquals(FinishReason.STOP_TEXT, result.reason());
      assertEquals("Yes.\n", result.text());
    }
  }
}

package org.espalier.langchain4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.output.FinishReason;
import java.lang.module.Configuration;
import java.lang.module.ModuleFinder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.espalier.Espalier;
import org.espalier.LanguageModel;
import org.espalier.api.EspalierException;
import org.espalier.api.format.MetadataValue;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.runtime.sampling.SamplingOptions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The adapters, driven through LangChain4j's own interfaces. */
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ChatModelsTest {
  private static final Path DEMO =
      Path.of(System.getProperty("espalier.models"), "tiny-tales-qtip.gguf");
  private static final String TEMPLATE =
      "{% for message in messages %}{% if message['role'] == 'system' %}"
          + "{{ '<|system|>\\n' + message['content'] + '\\n' }}"
          + "{% elif message['role'] == 'user' %}"
          + "{{ '<|user|>\\n' + message['content'] + '\\n' }}"
          + "{% elif message['role'] == 'assistant' %}{% if not loop.last %}"
          + "{{ '<|assistant|>\\n'  + message['content'] + eos_token + '\\n' }}"
          + "{% else %}{{ '<|assistant|>\\n'  + message['content'] + eos_token }}"
          + "{% endif %}{% endif %}{% if loop.last and add_generation_prompt %}"
          + "{{ '<|assistant|>\\n' }}{% endif %}{% endfor %}";
  private static final GenerationOptions GREEDY =
      GenerationOptions.DEFAULT.withSampling(SamplingOptions.GREEDY).withMaximumTokens(12);

  private LanguageModel model;
  private ChatModel chat;
  private StreamingChatModel streaming;

  @BeforeAll
  void open() {
    model =
        Espalier.open(
            DEMO,
            Espalier.defaults()
                .withThreads(2)
                .withOverrides(Map.of("tokenizer.chat_template", new MetadataValue.Text(TEMPLATE))),
            providers());
    chat = new EspalierChatModel(model, GREEDY);
    streaming = new EspalierStreamingChatModel(model, GREEDY);
  }

  /** Jars that no one requires: those of the providers. */
  private static ModuleLayer providers() {
    ModuleFinder packaged = ModuleFinder.of(Path.of(System.getProperty("espalier.modules")));
    ModuleLayer boot = ModuleLayer.boot();
    Configuration configuration =
        boot.configuration()
            .resolve(
                packaged,
                ModuleFinder.of(),
                packaged.findAll().stream()
                    .map(reference -> reference.descriptor().name())
                    .filter(
                        name -> name.matches("org\\.espalier\\.(format|codec|arch|backend)\\..*"))
                    .filter(name -> boot.findModule(name).isEmpty())
                    .toList());
    return boot.defineModulesWithOneLoader(configuration, ClassLoader.getSystemClassLoader());
  }

  @AfterAll
  void close() {
    model.close();
  }

  @Test
  void runsOnTheModulePath() {
    assertTrue(EspalierChatModel.class.getModule().isNamed());
  }

  @Test
  void anAnswerHasTextUsageAndReason() {
    ChatResponse response =
        chat.chat(SystemMessage.from("You tell tales."), UserMessage.from("Of a king?"));
    assertFalse(response.aiMessage().text().isEmpty());
    assertEquals(12, response.tokenUsage().outputTokenCount());
    assertTrue(response.tokenUsage().inputTokenCount() > 8, response.toString());
    assertEquals(
        response.tokenUsage().inputTokenCount() + 12, response.tokenUsage().totalTokenCount());
    assertEquals(FinishReason.LENGTH, response.finishReason());
    assertEquals(
        response.aiMessage().text(),
        chat.chat(SystemMessage.from("You tell tales."), UserMessage.from("Of a king?"))
            .aiMessage()
            .text());
  }

  @Test
  void theLinesOfTheDocumentationWork() throws Exception {
    CompletableFuture<String> whole = new CompletableFuture<>();
    StreamingChatResponseHandler handler =
        new StreamingChatResponseHandler() {
          @Override
          public void onCompleteResponse(ChatResponse response) {
            whole.complete(response.aiMessage().text());
          }

          @Override
          public void onError(Throwable error) {
            whole.completeExceptionally(error);
          }
        };
    // As they stand in docs/embedding.md.
    ChatModel chat = new EspalierChatModel(model);
    String answer = chat.chat("Why is the sky blue?");

    StreamingChatModel streaming = new EspalierStreamingChatModel(model);
    streaming.chat("Why is the sky blue?", handler); // the handle of each piece cancels
    assertFalse(answer.isEmpty());
    assertFalse(whole.get(60, TimeUnit.SECONDS).isEmpty());
  }

  @Test
  void earlierTurnsCount() {
    List<dev.langchain4j.data.message.ChatMessage> turns =
        List.of(
            UserMessage.from("Of a king?"),
            AiMessage.from("Once there was a king."),
            UserMessage.from("And then?"));
    ChatResponse whole = chat.chat(turns);
    ChatResponse last = chat.chat(turns.getLast());
    assertTrue(whole.tokenUsage().inputTokenCount() > last.tokenUsage().inputTokenCount());
  }

  @Test
  void parametersOfARequestAreObeyed() {
    String text = chat.chat("Of a king?");
    String stop = text.substring(3, 6);
    ChatResponse response =
        chat.chat(
            request().maxOutputTokens(30).stopSequences(List.of(stop)).topP(0.9).topK(5).build());
    assertEquals(text.substring(0, text.indexOf(stop)), response.aiMessage().text());
    assertEquals(FinishReason.STOP, response.finishReason());
    ChatRequest three = request().maxOutputTokens(3).temperature(1.5).build();
    assertEquals(3, chat.chat(three).tokenUsage().outputTokenCount());
  }

  private static ChatRequest.Builder request() {
    return ChatRequest.builder().messages(UserMessage.from("Of a king?"));
  }

  @Test
  void futuresAreCompletedOrCancelled() {
    assertEquals(chat.chat("Of a king?"), chat.chatAsync("Of a king?").join());
    EspalierChatModel endless =
        new EspalierChatModel(
            model, new GenerationOptions(-1, SamplingOptions.GREEDY, 0, List.of(), true));
    CompletableFuture<String> never = endless.chatAsync("Of a king?");
    assertTrue(never.cancel(true));
    assertInstanceOf(
        InvalidRequestException.class,
        assertThrows(CompletionException.class, () -> chat.chatAsync("word ".repeat(3000)).join())
            .getCause());
  }

  /** Notes what it is told. */
  private static final class Listener implements StreamingChatResponseHandler {
    final List<String> pieces = new CopyOnWriteArrayList<>();
    final CompletableFuture<ChatResponse> end = new CompletableFuture<>();
    final Consumer<PartialResponseContext> each;

    Listener(Consumer<PartialResponseContext> each) {
      this.each = each;
    }

    @Override
    public void onPartialResponse(PartialResponse piece, PartialResponseContext context) {
      pieces.add(piece.text());
      each.accept(context);
    }

    @Override
    public void onCompleteResponse(ChatResponse response) {
      end.complete(response);
    }

    @Override
    public void onError(Throwable failure) {
      end.completeExceptionally(failure);
    }
  }

  @Test
  void streamedPiecesAreTheAnswer() {
    Listener listener = new Listener(_ -> {});
    streaming.chat("Of a king?", listener);
    ChatResponse response = listener.end.join();
    assertTrue(listener.pieces.size() > 3, listener.pieces.toString());
    assertEquals(response.aiMessage().text(), String.join("", listener.pieces));
    assertEquals(chat.chat("Of a king?"), response.aiMessage().text());
    assertEquals(12, response.tokenUsage().outputTokenCount());
  }

  @Test
  void aCancelledStreamIsSilent() throws InterruptedException {
    CountDownLatch second = new CountDownLatch(1);
    StreamingChatModel endless =
        new EspalierStreamingChatModel(
            model, new GenerationOptions(-1, SamplingOptions.GREEDY, 0, List.of(), true));
    List<PartialResponseContext> contexts = new CopyOnWriteArrayList<>();
    Listener listener =
        new Listener(context -> {
          contexts.add(context);
          if (contexts.size() == 2) {
            context.streamingHandle().cancel();
            second.countDown();
          }
        });
    endless.chat("Of a king?", listener);
    assertTrue(second.await(60, TimeUnit.SECONDS));
    assertTrue(contexts.getFirst().streamingHandle().isCancelled());
    assertThrows(
        java.util.concurrent.TimeoutException.class,
        () -> listener.end.get(300, TimeUnit.MILLISECONDS));
    assertEquals(2, listener.pieces.size());
  }

  @Test
  void aHandlerThatFailsIsToldOfItsFailure() {
    Listener listener =
        new Listener(_ -> {
          throw new IllegalStateException("full");
        });
    streaming.chat("Of a king?", listener);
    CompletionException failure = assertThrows(CompletionException.class, listener.end::join);
    assertEquals("full", failure.getCause().getMessage());
    assertEquals(1, listener.pieces.size());
  }

  @Test
  void aPromptThatIsTooLongIsTheCallersFault() {
    String tooLong = "word ".repeat(3000);
    InvalidRequestException failure =
        assertThrows(InvalidRequestException.class, () -> chat.chat(tooLong));
    assertTrue(failure.getMessage().contains("context"), failure.getMessage());
    assertInstanceOf(EspalierException.InvalidRequest.class, failure.getCause());
    Listener listener = new Listener(_ -> {});
    streaming.chat(tooLong, listener);
    assertInstanceOf(
        InvalidRequestException.class,
        assertThrows(CompletionException.class, listener.end::join).getCause());
  }

  static Stream<ChatRequest> unsupported() {
    return Stream.of(
        request().toolSpecifications(ToolSpecification.builder().name("clock").build()).build(),
        request().responseFormat(ResponseFormat.JSON).build(),
        request().modelName("another").build(),
        ChatRequest.builder()
            .messages(UserMessage.from(ImageContent.from("aGVsbG8=", "image/png")))
            .build(),
        ChatRequest.builder()
            .messages(
                UserMessage.from("What time is it?"),
                ToolExecutionResultMessage.from("1", "clock", "noon"))
            .build());
  }

  @ParameterizedTest
  @MethodSource("unsupported")
  void whatCannotBeIsRefused(ChatRequest request) {
    UnsupportedFeatureException failure =
        assertThrows(UnsupportedFeatureException.class, () -> chat.chat(request));
    assertTrue(failure.getMessage().contains("not supported by Espalier"), failure.getMessage());
    assertThrows(
        UnsupportedFeatureException.class, () -> streaming.chat(request, new Listener(_ -> {})));
  }

  @Test
  void aBaseModelDoesNotChat() {
    try (LanguageModel base = Espalier.open(DEMO, Espalier.defaults(), providers())) {
      UnsupportedFeatureException failure =
          assertThrows(
              UnsupportedFeatureException.class, () -> new EspalierChatModel(base).chat("Hello"));
      assertTrue(failure.getMessage().contains("no chat template"), failure.getMessage());
    }
  }
}

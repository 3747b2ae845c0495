package org.espalier.langchain4j;

import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.ChatResponse;
import java.util.concurrent.CompletableFuture;
import org.espalier.Generation;
import org.espalier.LanguageModel;
import org.espalier.api.EspalierException;
import org.espalier.runtime.generation.GenerationOptions;

/**
 * A model that answers when its whole answer is there. It does not own the {@link LanguageModel},
 * which must have a chat template and must be closed by whoever opened it. Safe for use by many
 * threads.
 *
 * <p>Not supported, and refused with {@code UnsupportedFeatureException}: tools, answers of a given
 * format, contents other than text, and other models than this.
 */
public final class EspalierChatModel implements ChatModel {
  private final LanguageModel model;
  private final Translation translation;

  /** With the usual sampling, and answers as long as the context allows. */
  public EspalierChatModel(LanguageModel model) {
    this(model, GenerationOptions.DEFAULT);
  }

  /**
   * With other defaults.
   *
   * @param defaults for what a request leaves open
   */
  public EspalierChatModel(LanguageModel model, GenerationOptions defaults) {
    this.model = model;
    this.translation = new Translation(model, defaults);
  }

  @Override
  public ChatRequestParameters defaultRequestParameters() {
    return translation.defaultParameters();
  }

  @Override
  public ChatResponse doChat(ChatRequest request) {
    try (Generation generation = begin(request)) {
      return translation.response(generation.result());
    } catch (EspalierException e) {
      throw Translation.failure(e);
    }
  }

  /** The answer when it is there. Cancelling the future ends the generation. */
  @Override
  public CompletableFuture<ChatResponse> doChatAsync(ChatRequest request) {
    CompletableFuture<ChatResponse> response = new CompletableFuture<>();
    Generation generation;
    try {
      generation = begin(request);
    } catch (EspalierException e) {
      return CompletableFuture.failedFuture(Translation.failure(e));
    }
    response.whenComplete((_, _) -> generation.cancel());
    Thread.ofVirtual()
        .name("espalier-answer")
        .start(() -> {
          try (generation) {
            response.complete(translation.response(generation.result()));
          } catch (EspalierException e) {
            response.completeExceptionally(Translation.failure(e));
          } catch (RuntimeException | Error e) {
            response.completeExceptionally(e);
          }
        });
    return response;
  }

  private Generation begin(ChatRequest request) {
    return model.answer(translation.messages(request), translation.options(request));
  }
}

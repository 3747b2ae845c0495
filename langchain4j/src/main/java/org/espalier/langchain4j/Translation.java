package org.espalier.langchain4j;

import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.Content;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.InternalServerException;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.LangChain4jException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.model.output.TokenUsage;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.espalier.LanguageModel;
import org.espalier.api.EspalierException;
import org.espalier.runtime.chat.ChatMessage;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.runtime.generation.GenerationResult;
import org.espalier.runtime.sampling.SamplingOptions;
import org.jspecify.annotations.Nullable;

/** Requests of LangChain4j in Espalier's words, and results the other way round. */
final class Translation {
  private final String name;
  private final GenerationOptions defaults;

  Translation(LanguageModel model, GenerationOptions defaults) {
    this.name = model.metadata().text("general.name").orElse("espalier");
    this.defaults = defaults;
  }

  ChatRequestParameters defaultParameters() {
    return ChatRequestParameters.builder().modelName(name).build();
  }

  List<ChatMessage> messages(ChatRequest request) {
    return request.messages().stream().map(Translation::message).toList();
  }

  private static ChatMessage message(dev.langchain4j.data.message.ChatMessage message) {
    return switch (message) {
      case SystemMessage system -> ChatMessage.system(system.text());
      case UserMessage user -> ChatMessage.user(text(user));
      case AiMessage answer when answer.hasToolExecutionRequests() ->
          throw unsupported("tools are");
      case AiMessage answer -> ChatMessage.assistant(Optional.ofNullable(answer.text()).orElse(""));
      default -> throw unsupported("messages of type " + message.type() + " are");
    };
  }

  private static String text(UserMessage message) {
    return message.contents().stream().map(Translation::text).collect(Collectors.joining("\n"));
  }

  private static String text(Content content) {
    if (content instanceof TextContent text) {
      return text.text();
    }
    throw unsupported("contents of type " + content.type() + " are");
  }

  GenerationOptions options(ChatRequest request) {
    if (request.modelName() != null && !request.modelName().equals(name)) {
      throw unsupported(
          "the model here is '%s': others, such as '%s', are".formatted(name, request.modelName()));
    }
    if (request.toolSpecifications() != null && !request.toolSpecifications().isEmpty()) {
      throw unsupported("tools are");
    }
    if (request.responseFormat() != null
        && request.responseFormat().type() != ResponseFormatType.TEXT) {
      throw unsupported("answers of a given format are");
    }
    List<String> stops = new ArrayList<>(defaults.stop());
    if (request.stopSequences() != null) {
      stops.addAll(request.stopSequences());
    }
    Integer most = request.maxOutputTokens();
    return new GenerationOptions(
        most == null ? defaults.maximumTokens() : most,
        sampling(request),
        defaults.seed(),
        stops,
        defaults.ignoreEndOfText());
  }

  private SamplingOptions sampling(ChatRequest request) {
    SamplingOptions usual = defaults.sampling();
    return new SamplingOptions(
        number(request.temperature(), usual.temperature()),
        request.topK() == null ? usual.topK() : request.topK(),
        number(request.topP(), usual.topP()),
        usual.minP(),
        usual.typicalP(),
        usual.repeatPenalty(),
        number(request.presencePenalty(), usual.presencePenalty()),
        number(request.frequencyPenalty(), usual.frequencyPenalty()),
        usual.repeatLastN(),
        usual.logitBias());
  }

  private static float number(@Nullable Double given, float usual) {
    return given == null ? usual : given.floatValue();
  }

  ChatResponse response(GenerationResult result) {
    return ChatResponse.builder()
        .aiMessage(AiMessage.from(result.text()))
        .modelName(name)
        .tokenUsage(new TokenUsage(result.promptTokens(), result.tokens().size()))
        .finishReason(reason(result))
        .build();
  }

  private static FinishReason reason(GenerationResult result) {
    return switch (result.reason()) {
      case END_OF_TEXT, STOP_TEXT -> FinishReason.STOP;
      case LENGTH, CONTEXT_FULL -> FinishReason.LENGTH;
      case CANCELLED -> FinishReason.OTHER;
    };
  }

  private static UnsupportedFeatureException unsupported(String what) {
    return new UnsupportedFeatureException(what + " not supported by Espalier");
  }

  /** The same failure as LangChain4j's programs expect it. */
  static LangChain4jException failure(EspalierException failure) {
    return switch (failure) {
      case EspalierException.InvalidRequest e -> new InvalidRequestException(e.getMessage(), e);
      case EspalierException.Unsupported e -> {
        UnsupportedFeatureException unsupported = new UnsupportedFeatureException(e.getMessage());
        unsupported.initCause(e);
        yield unsupported;
      }
      default -> new InternalServerException(failure.getMessage(), failure);
    };
  }
}

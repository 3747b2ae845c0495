package org.espalier.downloads;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;
import org.junit.jupiter.api.Test;

class HubSettingsTest {
  private static final Path HOME = Path.of("/home/someone");

  private static HubSettings of(Map<String, String> environment) {
    return HubSettings.of(environment, HOME);
  }

  @Test
  void anEmptyEnvironmentIsEnough() {
    HubSettings settings = of(Map.of("HF_TOKEN", "  ", "HF_ENDPOINT", ""));
    assertEquals("https://huggingface.co", settings.endpoint().toString());
    assertEquals(Optional.empty(), settings.token());
    assertEquals(HOME.resolve(".cache/espalier"), settings.cache());
    assertEquals(false, settings.offline());
  }

  @Test
  void theEnvironmentIsObeyed() {
    assertEquals(Path.of("/c/espalier"), of(Map.of("XDG_CACHE_HOME", "/c")).cache());
    assertEquals(HOME.resolve(".cache/espalier"), of(Map.of("XDG_CACHE_HOME", "c")).cache());
    assertEquals(Path.of("/d"), of(Map.of("XDG_CACHE_HOME", "/c", "ESPALIER_CACHE", "/d")).cache());
    assertEquals(Optional.of("hf_x"), of(Map.of("HF_TOKEN", "hf_x\n")).token());
    assertTrue(of(Map.of("HF_HUB_OFFLINE", "1")).offline());
    assertEquals(
        "https://mirror/path",
        of(Map.of("HF_ENDPOINT", "https://mirror/path/")).endpoint().toString());
  }

  @Test
  void wrongValuesAreRefused() {
    assertThrows(InvalidRequest.class, () -> of(Map.of("HF_ENDPOINT", "huggingface.co")));
    assertThrows(InvalidRequest.class, () -> of(Map.of("HF_ENDPOINT", "ftp://x")));
    assertThrows(InvalidRequest.class, () -> of(Map.of("HF_ENDPOINT", "ht tp://x")));
    assertThrows(InvalidRequest.class, () -> of(Map.of("HF_TOKEN", "a\nHost: b")));
    InvalidRequest readable =
        assertThrows(
            InvalidRequest.class,
            () -> of(Map.of("HF_TOKEN", "hf_x", "HF_ENDPOINT", "http://mirror")));
    assertTrue(readable.getMessage().contains("would be readable"), readable.getMessage());
    assertTrue(!readable.getMessage().contains("hf_x"));
  }
}

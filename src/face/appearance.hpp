#pragma once
// What a point of a synthetic person looks like: colours of surfaces without light, in linear RGB. Points are given by
// where they lie on the built-in head at rest, in millimetres (head_surface.hpp), so that one description serves every
// face model whose points have been brought there.

#include "face/people.hpp"

namespace g2face::face {

struct Surface {
  Vec3 colour;
  double gloss = 0;       // strength of the highlight
  double sharpness = 12;  // its exponent
  double bump = 0;        // how far the normal is turned by fine relief
};

/// Skin with brows, lips, beard, lashes and shaved hair, and dark nostrils where the surface has none.
Surface skin(const Person& person, const Vec3& at, bool paint_nostrils);
/// The eyeball; `d` is the direction from its centre and `gaze` that of the pupil, in the head's coordinates.
Surface eyeball(const Person& p, const Vec3& d, const Vec3& gaze);
/// Inside of the mouth.
Surface mouth(const Vec3& at);
Surface tooth(const Vec3& at);
Surface cloth(const Person& person, const Vec3& at);
/// How little light reaches a point of the face, neck or ear from all around: 0..1, 1 free.
double openness(const Vec3& at);
/// Behind the person: a gradient and soft spots of light.
class Background {
 public:
  explicit Background(std::uint64_t seed);
  /// x, y in 0..1, y down.
  Vec3 operator()(double x, double y) const;

 private:
  struct Blob {
    double x, y, radius;
    Vec3 colour;
  };
  std::uint64_t seed_;
  double slant_ = 0, grain_ = 0;
  Vec3 above_, below_;
  std::array<Blob, 4> blobs_{};
};

/// How far round the head a point lies: 0 at the front, 0.5 over the ears, 1 at the back.
double round_head(const Vec3& at);
/// Above this height hair grows, mm.
double hairline(const Person& person, double round);
/// Colour of hair at a point of it.
Surface hair(const Person& person, const Vec3& at);
/// Whether hair covers the point of its shell.
bool hair_covers(const Person& person, const Vec3& at);
/// Whether the far side of hair that falls is seen through an opening of its shell.
bool hair_behind(const Person& person, const Vec3& at);
/// Whether it certainly does not, anywhere within some mm.
bool hair_is_far(const Person& person, const Vec3& at);
/// How far hair stands off the head, mm.
double hair_thickness(const Person& person, const Vec3& at);
inline bool has_hair(const Person& p) { return p.hair != Hair::bald && p.hair != Hair::buzz; }

}  // namespace g2face::face

/// A book that is gone when the process ends.
actor MemoryChargeBook: ChargeBook {
    private var charges: [Charge] = []
    private var byReference: [String: Charge] = [:]

    func enter(_ payment: Payment, by user: String, on side: Side, reference: String?) -> Charge {
        if let reference, let charge = byReference[reference] { return charge }
        let charge = Charge(
            number: charges.count + 1,
            side: side,
            user: user,
            order: payment.order,
            amount: payment.amount
        )
        charges.append(charge)
        if let reference { byReference[reference] = charge }
        return charge
    }

    func charge(_ number: Int) -> Charge? {
        guard number >= 1, number <= charges.count else { return nil }
        return charges[number - 1]
    }

    func charges(on side: Side, limit: Int) -> Charges {
        let charges = charges.filter { $0.side == side }
        return Charges(
            count: charges.count,
            total: charges.reduce(0) { $0 + $1.amount },
            newest: charges.suffix(limit).reversed()
        )
    }
}
